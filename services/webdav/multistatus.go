package webdav

import (
	"bytes"
	"encoding/xml"
	"iter"
	"net/http"
	"strconv"
	"sync"
)

// Namespaces that every multistatus declares.
const (
	ocSpace = "http://owncloud.org/ns"
	sSpace  = "http://sabredav.org/ns"
)

// multistatus writes an answer of status 207 (RFC 4918, section 13) without reflection:
// listings are what clients ask for most.
type multistatus struct {
	bytes.Buffer
	begun bool // a part of it was sent
}

var multistatuses = sync.Pool{New: func() any { return new(multistatus) }}

// maxBuffered is from which size on an answer is sent in parts, and what a kept buffer may
// have grown to: a listing may be huge.
const maxBuffered = 1 << 20

// document returns an empty document, to be released.
func document() *multistatus {
	m := multistatuses.Get().(*multistatus)
	m.Reset()
	m.begun = false
	return m
}

// release keeps the buffer for the next document.
func (m *multistatus) release() {
	if m.Cap() <= 2*maxBuffered {
		multistatuses.Put(m)
	}
}

func newMultistatus() *multistatus {
	m := document()
	m.WriteString(xml.Header + `<d:multistatus xmlns:d="DAV:" xmlns:oc="` + ocSpace + `" xmlns:s="` + sSpace + `">`)
	return m
}

// answer describes resources. Once a part was sent there is no other answer: resources that
// cannot go on panic with http.ErrAbortHandler, so that half an answer does not look whole.
func answer(w http.ResponseWriter, q wanted, resources iter.Seq[*resource]) {
	m := newMultistatus()
	for r := range resources {
		m.resource(r, q)
		if m.Len() >= maxBuffered {
			m.sendPart(w)
		}
	}
	m.send(w)
}

// sendPart sends what there is so far. A client that is gone ends the request.
func (m *multistatus) sendPart(w http.ResponseWriter) {
	m.header(w)
	if _, err := m.WriteTo(w); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// send ends the document and answers with it.
func (m *multistatus) send(w http.ResponseWriter) {
	m.WriteString("</d:multistatus>\n")
	if !m.begun {
		w.Header().Set("Content-Length", strconv.Itoa(m.Len()))
	}
	m.header(w)
	_, _ = w.Write(m.Bytes()) // the client may be gone
	m.release()
}

// header sends the header, once.
func (m *multistatus) header(w http.ResponseWriter) {
	if m.begun {
		return
	}
	m.begun = true
	header := w.Header()
	header.Set("Content-Type", "application/xml; charset=utf-8")
	header.Set("DAV", "1, 2, 3")
	w.WriteHeader(http.StatusMultiStatus)
}

// text writes escaped character data. Quotes need no escape between tags.
func (m *multistatus) text(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '<' || c == '>' || c == '&' || c >= 0x7f {
			_ = xml.EscapeText(m, []byte(s)) // a Buffer takes everything
			return
		}
	}
	m.WriteString(s)
}

// open starts the response about one resource.
func (m *multistatus) open(href string) {
	m.WriteString("<d:response><d:href>")
	m.WriteString(href) // percent-encoded, which is safe in XML
	m.WriteString("</d:href>")
}

func (m *multistatus) close() { m.WriteString("</d:response>") }

// propstat ends a group of properties with their common status.
func (m *multistatus) propstat(status int) {
	m.WriteString("</d:prop><d:status>HTTP/1.1 ")
	m.WriteString(strconv.Itoa(status))
	m.WriteByte(' ')
	m.WriteString(http.StatusText(status))
	m.WriteString("</d:status></d:propstat>")
}

func (m *multistatus) openProps() { m.WriteString("<d:propstat><d:prop>") }

// tag writes the start of a property's element, which the returned text ends.
func (m *multistatus) tag(name xml.Name) (end string) { return m.tagIn(name, "") }

// tagIn is tag for a value in a language; "": it is not known.
func (m *multistatus) tagIn(name xml.Name, lang string) (end string) {
	prefix, declared := "", ""
	switch name.Space {
	case davSpace:
		prefix = "d:"
	case ocSpace:
		prefix = "oc:"
	case sSpace:
		prefix = "s:"
	case "":
	default:
		prefix, declared = "x:", name.Space
	}
	m.WriteString("<" + prefix + name.Local)
	m.attribute("xmlns:x", declared)
	m.attribute("xml:lang", lang)
	m.WriteByte('>')
	return "</" + prefix + name.Local + ">"
}

// attribute writes an attribute, unless it is empty.
func (m *multistatus) attribute(name, value string) {
	if value != "" {
		m.WriteString(" " + name + `="`)
		_ = xml.EscapeText(m, []byte(value)) // a Buffer takes everything
		m.WriteByte('"')
	}
}

// empty writes a property without a value.
func (m *multistatus) empty(name xml.Name) { m.WriteString(m.tag(name)) }
