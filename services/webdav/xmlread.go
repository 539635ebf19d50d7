package webdav

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"
)

const (
	maxXMLBytes = 1 << 20
	maxXMLDepth = 64
)

// davSpace is the namespace of RFC 4918.
const davSpace = "DAV:"

// element is a small XML tree: what the bodies of WebDAV requests are.
type element struct {
	xml.StartElement
	children []*element
	inner    string // serialized so that it can stand in any document
	text     string
}

var errXML = &davError{status: http.StatusBadRequest, message: "the body is not well-formed XML"}

// readXML reads a request's body; nil: it is empty.
func (r *request) readXML() (*element, error) {
	body := http.MaxBytesReader(nil, r.Body, maxXMLBytes)
	decoder := xml.NewDecoder(body)
	decoder.Strict = true
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, unreadable(err)
		}
		switch token := token.(type) {
		case xml.Directive: // a document type could define entities
			return nil, errXML
		case xml.CharData:
			if strings.TrimSpace(string(token)) != "" {
				return nil, errXML
			}
		case xml.StartElement:
			root, err := readElement(decoder, token, 1)
			if err != nil {
				return nil, err
			}
			return root, atEnd(decoder)
		}
	}
}

// unreadable says why a body cannot be read.
func unreadable(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &davError{status: http.StatusRequestEntityTooLarge, message: "the body is too large"}
	}
	return errXML
}

// atEnd checks that nothing but space follows the root.
func atEnd(decoder *xml.Decoder) error {
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return unreadable(err)
		}
		if text, ok := token.(xml.CharData); ok && strings.TrimSpace(string(text)) != "" {
			return errXML
		}
	}
}

func readElement(decoder *xml.Decoder, start xml.StartElement, depth int) (*element, error) {
	if depth > maxXMLDepth || !boundNamespaces(start) {
		return nil, errXML
	}
	e := &element{StartElement: start.Copy()}
	var inner, text strings.Builder
	for {
		token, err := decoder.Token()
		if err != nil {
			return nil, unreadable(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			child, err := readElement(decoder, token, depth+1)
			if err != nil {
				return nil, err
			}
			e.children = append(e.children, child)
			child.write(&inner)
		case xml.EndElement:
			e.inner, e.text = inner.String(), text.String()
			return e, nil
		case xml.CharData:
			text.Write(token)
			_ = xml.EscapeText(&inner, token) // a Builder takes everything
		}
	}
}

// boundNamespaces refuses a prefix that stands for no namespace, which Go lets pass
// (Namespaces in XML 1.0, section 5).
func boundNamespaces(start xml.StartElement) bool {
	for _, attribute := range start.Attr {
		if attribute.Name.Space == "xmlns" && attribute.Value == "" {
			return false
		}
	}
	return true
}

// write serializes the element with every namespace declared where it is used.
func (e *element) write(out *strings.Builder) {
	out.WriteString("<" + e.Name.Local + ` xmlns="`)
	_ = xml.EscapeText(out, []byte(e.Name.Space))
	out.WriteByte('"')
	for _, attribute := range e.Attr {
		if attribute.Name.Space == "xmlns" || attribute.Name.Local == "xmlns" {
			continue
		}
		name := attribute.Name.Local
		switch attribute.Name.Space {
		case "":
		case "xml", "http://www.w3.org/XML/1998/namespace":
			name = "xml:" + name
		default:
			out.WriteString(` xmlns:a="`)
			_ = xml.EscapeText(out, []byte(attribute.Name.Space))
			out.WriteByte('"')
			name = "a:" + name
		}
		out.WriteString(" " + name + `="`)
		_ = xml.EscapeText(out, []byte(attribute.Value))
		out.WriteByte('"')
	}
	out.WriteString(">" + e.inner + "</" + e.Name.Local + ">")
}

// is tells whether an element has this name in the DAV: namespace.
func (e *element) is(local string) bool {
	return e != nil && e.Name.Space == davSpace && e.Name.Local == local
}

// find returns the first child of that DAV: name, or nil.
func (e *element) find(local string) *element {
	for _, child := range e.children {
		if child.is(local) {
			return child
		}
	}
	return nil
}
