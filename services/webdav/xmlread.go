package webdav

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	maxXMLBytes = 1 << 20
	maxXMLDepth = 64
)

// davSpace is the namespace of RFC 4918.
const davSpace = "DAV:"

// Namespaces that are reserved (Namespaces in XML 1.0, section 3).
const (
	xmlSpace   = "http://www.w3.org/XML/1998/namespace" // of xml:lang
	xmlnsSpace = "http://www.w3.org/2000/xmlns/"        // of declarations
)

// element is a small XML tree: what the bodies of WebDAV requests are.
type element struct {
	xml.StartElement
	children []*element
	inner    string // serialized so that it can stand in any document
	text     string
	lang     string // the xml:lang in whose scope the element is
}

var errXML = &davError{status: http.StatusBadRequest, message: "the body is not well-formed XML"}

// readXML reads a request's body; nil: it is empty.
func (r *request) readXML() (*element, error) {
	return parseXML(http.MaxBytesReader(nil, r.Body, maxXMLBytes))
}

// parseXML reads a document; nil: it is empty.
func parseXML(document io.Reader) (*element, error) {
	decoder, err := newDecoder(document)
	if err != nil {
		return nil, err
	}
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
			root, err := readElement(decoder, token, 1, scope{})
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

// atEnd checks that nothing but space and comments follows the root.
func atEnd(decoder *xml.Decoder) error {
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return unreadable(err)
		}
		switch token := token.(type) {
		case xml.CharData:
			if strings.TrimSpace(string(token)) != "" {
				return errXML
			}
		case xml.StartElement, xml.Directive:
			return errXML
		}
	}
}

// scope is what an element has from those around it.
type scope struct {
	lang   string
	spaces []string // that are declared
}

// within returns the scope in an element.
func (s scope) within(start xml.StartElement) scope {
	s.spaces = slices.Clip(s.spaces)
	for _, attribute := range start.Attr {
		switch {
		case isDeclaration(attribute):
			s.spaces = append(s.spaces, attribute.Value)
		case attribute.Name == xml.Name{Space: xmlSpace, Local: "lang"}:
			s.lang = attribute.Value
		}
	}
	return s
}

// declares tells whether the prefixes of an element were declared. Go takes one that was not
// for the namespace itself, so a prefix that has the name of a declared namespace passes.
func (s scope) declares(start xml.StartElement) bool {
	known := func(name xml.Name) bool {
		return name.Space == "" || name.Space == xmlSpace || slices.Contains(s.spaces, name.Space)
	}
	for _, attribute := range start.Attr {
		if !isDeclaration(attribute) && !known(attribute.Name) {
			return false
		}
	}
	return known(start.Name)
}

func readElement(decoder *xml.Decoder, start xml.StartElement, depth int, around scope) (*element, error) {
	here := around.within(start)
	if depth > maxXMLDepth || !wellNamed(start) || !here.declares(start) {
		return nil, errXML
	}
	e := &element{StartElement: start.Copy(), lang: here.lang}
	var inner, text strings.Builder
	for {
		token, err := decoder.Token()
		if err != nil {
			return nil, unreadable(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			child, err := readElement(decoder, token, depth+1, here)
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

// wellNamed refuses what Go lets pass although it is no XML with namespaces (Namespaces in
// XML 1.0, sections 3 to 6): stray colons, prefixes for nothing, what is no name without
// its prefix, reserved namespaces, attributes that are there twice.
func wellNamed(start xml.StartElement) bool {
	if !plainName(start.Name) || start.Name.Space == xmlSpace || start.Name.Space == "xmlns" {
		return false
	}
	seen := make(map[xml.Name]bool, len(start.Attr))
	for _, attribute := range start.Attr {
		if seen[attribute.Name] || !plainName(attribute.Name) {
			return false
		}
		seen[attribute.Name] = true
		if isDeclaration(attribute) && !mayDeclare(attribute) {
			return false
		}
	}
	return true
}

// plainName tells whether the part after the prefix is a name by itself.
func plainName(name xml.Name) bool {
	if name.Local == "" || name.Space == xmlnsSpace || strings.Contains(name.Local, ":") {
		return false
	}
	if c := name.Local[0]; c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' {
		return true
	}
	_, err := xml.NewDecoder(strings.NewReader("<" + name.Local + "/>")).Token()
	return err == nil
}

// isDeclaration tells whether an attribute declares a namespace.
func isDeclaration(attribute xml.Attr) bool {
	return attribute.Name.Space == "xmlns" || attribute.Name == xml.Name{Local: "xmlns"}
}

func mayDeclare(attribute xml.Attr) bool {
	prefix := ""
	if attribute.Name.Space != "" {
		prefix = attribute.Name.Local
	}
	switch attribute.Value {
	case "":
		return prefix == ""
	case xmlSpace:
		return prefix == "xml"
	case xmlnsSpace:
		return false
	}
	return prefix != "xml" && prefix != "xmlns"
}

// write serializes the element with every namespace declared where it is used.
func (e *element) write(out *strings.Builder) {
	out.WriteString("<" + e.Name.Local)
	writeAttribute(out, "xmlns", e.Name.Space)
	prefixes := map[string]string{"": "", xmlSpace: "xml:"}
	for _, attribute := range e.Attr {
		if isDeclaration(attribute) {
			continue
		}
		prefix, known := prefixes[attribute.Name.Space]
		if !known {
			name := "a" + strconv.Itoa(len(prefixes)-1)
			writeAttribute(out, "xmlns:"+name, attribute.Name.Space)
			prefix = name + ":"
			prefixes[attribute.Name.Space] = prefix
		}
		writeAttribute(out, prefix+attribute.Name.Local, attribute.Value)
	}
	out.WriteString(">" + e.inner + "</" + e.Name.Local + ">")
}

func writeAttribute(out *strings.Builder, name, value string) {
	out.WriteString(" " + name + `="`)
	_ = xml.EscapeText(out, []byte(value)) // a Builder takes everything
	out.WriteByte('"')
}

// value returns what is in the element, to be kept and shown in other documents. It is read
// once more before: what is not well-formed would spoil every listing that shows it.
func (e *element) value() (string, error) {
	if again, err := parseXML(strings.NewReader("<v>" + e.inner + "</v>")); err != nil || again == nil {
		return "", fmt.Errorf("the value of %s cannot be kept: it would not be readable again", e.Name.Local)
	}
	return e.inner, nil
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
