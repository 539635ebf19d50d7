package webdav

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The marks with which documents may begin that say how they are encoded (XML 1.0,
// appendix F). One in UTF-16 must have its own.
const (
	markUTF8    = "\xef\xbb\xbf"
	markUTF16BE = "\xfe\xff"
	markUTF16LE = "\xff\xfe"
)

// newDecoder reads a document in UTF-8 or UTF-16, as every XML processor must (XML 1.0,
// section 4.3.3).
func newDecoder(document io.Reader) (*xml.Decoder, error) {
	buffered := bufio.NewReader(document)
	start, _ := buffered.Peek(len(markUTF8)) // a document that is shorter has no element
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(start, []byte(markUTF8)):
		_, _ = buffered.Discard(len(markUTF8)) // they were there
	case bytes.HasPrefix(start, []byte(markUTF16BE)):
		order = binary.BigEndian
	case bytes.HasPrefix(start, []byte(markUTF16LE)):
		order = binary.LittleEndian
	}
	if order == nil {
		return xml.NewDecoder(buffered), nil
	}
	text, err := readUTF16(buffered, order)
	if err != nil {
		return nil, err
	}
	decoder := xml.NewDecoder(strings.NewReader(text))
	decoder.CharsetReader = func(charset string, input io.Reader) (io.Reader, error) {
		if !strings.HasPrefix(strings.ToLower(charset), "utf-16") {
			return nil, errXML
		}
		return input, nil // it is UTF-8 by now
	}
	return decoder, nil
}

// readUTF16 reads a document with its mark.
func readUTF16(document io.Reader, order binary.ByteOrder) (string, error) {
	data, err := io.ReadAll(document)
	if err != nil {
		return "", unreadable(err)
	}
	if len(data)%2 != 0 {
		return "", errXML
	}
	var text strings.Builder
	for i := 2; i < len(data); i += 2 {
		r := rune(order.Uint16(data[i:]))
		if utf16.IsSurrogate(r) {
			if i += 2; i == len(data) {
				return "", errXML
			}
			if r = utf16.DecodeRune(r, rune(order.Uint16(data[i:]))); r == utf8.RuneError {
				return "", errXML
			}
		}
		text.WriteRune(r)
	}
	return text.String(), nil
}
