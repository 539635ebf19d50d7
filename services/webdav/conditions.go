package webdav

import (
	"net/http"
	"net/url"
	"strings"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// conditions collects what the request demands of the present state. Storage
// evaluates all of it in its transaction.
func (r *request) conditions() (*storageapi.Conditions, error) {
	c := &storageapi.Conditions{
		IfMatch:     etags(r.Header.Values("If-Match"), true),
		IfNoneMatch: etags(r.Header.Values("If-None-Match"), false),
	}
	// What is no date is ignored (RFC 9110, section 13.1.4).
	if date, err := http.ParseTime(r.Header.Get("If-Unmodified-Since")); err == nil {
		since := date.Unix()
		c.IfUnmodifiedSince = &since
	}
	listed, err := r.ifHeader()
	if err != nil {
		return nil, err
	}
	c.IfLists, c.LockTokens = listed.GetIfLists(), listed.GetLockTokens()
	if len(c.IfMatch)+len(c.IfNoneMatch)+len(c.IfLists) == 0 && c.IfUnmodifiedSince == nil {
		return nil, nil
	}
	return c, nil
}

// ifHeader collects what the If header demands, for methods whose other conditions net/http
// evaluates; nil: nothing.
func (r *request) ifHeader() (*storageapi.Conditions, error) {
	header := r.Header.Get("If")
	if header == "" {
		return nil, nil
	}
	lists, err := r.parseIf(header)
	if err != nil {
		return nil, err
	}
	return &storageapi.Conditions{IfLists: lists, LockTokens: submitted(lists)}, nil
}

// noEtag is a tag that no resource has.
const noEtag = ""

// etags reads the lists of entity tags of one condition (RFC 9110, section 8.8.3), without
// their quotes. A condition that is there never becomes none: what names no etag of ours
// becomes noEtag, such as the weak tags where strong ones are demanded. Tags without quotes
// are taken as well, since clients send them.
func etags(headers []string, strong bool) []string {
	var tags []string
	for _, header := range headers {
		if strings.TrimSpace(header) == "*" {
			return []string{"*"}
		}
		for rest := strings.TrimLeft(header, ", \t"); rest != ""; rest = strings.TrimLeft(rest, ", \t") {
			var tag string
			var weak bool
			if tag, weak, rest = cutEtag(rest); weak && strong || tag == "*" {
				tag = noEtag
			}
			tags = append(tags, tag)
		}
	}
	if len(headers) > 0 && len(tags) == 0 {
		return []string{noEtag}
	}
	return tags
}

// cutEtag takes one tag, without its quotes, off the front of a list that is not empty.
func cutEtag(list string) (tag string, weak bool, rest string) {
	opaque, weak := strings.CutPrefix(list, "W/")
	quoted, ok := strings.CutPrefix(opaque, `"`)
	if !ok {
		tag, rest, _ = strings.Cut(opaque, ",")
		return strings.TrimSpace(tag), weak, rest
	}
	tag, rest, _ = strings.Cut(quoted, `"`)
	return tag, weak, rest
}

// submitted are the tokens of all lists: to name a token is to submit it, whether its
// list holds or not (RFC 4918, section 6.5).
func submitted(lists []*storageapi.IfList) []string {
	var tokens []string
	for _, list := range lists {
		for _, test := range list.Tests {
			if token := test.GetToken(); token != "" && !test.Not {
				tokens = append(tokens, token)
			}
		}
	}
	return tokens
}

// parseIf reads the If header (RFC 4918, section 10.4):
//
//	If = ( 1*No-tag-list | 1*Tagged-list )
//	Tagged-list = "<" reference ">" 1*List
//	List = "(" 1*( ["Not"] ( "<" token ">" | "[" etag "]" ) ) ")"
func (r *request) parseIf(header string) ([]*storageapi.IfList, error) {
	parser := ifParser{rest: header}
	var lists []*storageapi.IfList
	path, tagged := r.path, false
	for parser.skipSpace(); parser.rest != ""; parser.skipSpace() {
		if parser.rest[0] == '<' {
			reference, ok := parser.between('<', '>')
			if !ok || !tagged && len(lists) > 0 {
				return nil, errIf
			}
			tagged = true
			path = r.referenced(reference)
			continue
		}
		list, ok := parser.list(path)
		if !ok {
			return nil, errIf
		}
		lists = append(lists, list)
	}
	if len(lists) == 0 {
		return nil, errIf
	}
	return lists, nil
}

var errIf = &davError{status: http.StatusBadRequest, message: "the If header cannot be read"}

// elsewhere is the path of a tag that names nothing here; nothing is there, so its
// lists hold only for tests that negate.
const elsewhere = "/\uFFFDnot on this server"

func (r *request) referenced(reference string) string {
	target, err := url.Parse(reference)
	if err != nil {
		return elsewhere
	}
	_, path, err := locate(target, r.user.Username)
	if err != nil {
		return elsewhere
	}
	return path
}

// ifParser consumes an If header from the front.
type ifParser struct {
	rest string
}

func (p *ifParser) skipSpace() { p.rest = strings.TrimLeft(p.rest, " \t") }

// between consumes text in brackets.
func (p *ifParser) between(open, end byte) (string, bool) {
	if p.rest == "" || p.rest[0] != open {
		return "", false
	}
	text, rest, ok := strings.Cut(p.rest[1:], string(end))
	if !ok || text == "" {
		return "", false
	}
	p.rest = rest
	return text, true
}

func (p *ifParser) list(path string) (*storageapi.IfList, bool) {
	if p.rest == "" || p.rest[0] != '(' {
		return nil, false
	}
	p.rest = p.rest[1:]
	list := &storageapi.IfList{Path: path}
	for {
		p.skipSpace()
		if p.rest == "" {
			return nil, false
		}
		if p.rest[0] == ')' {
			p.rest = p.rest[1:]
			return list, len(list.Tests) > 0
		}
		test, ok := p.test()
		if !ok {
			return nil, false
		}
		list.Tests = append(list.Tests, test)
	}
}

func (p *ifParser) test() (*storageapi.IfTest, bool) {
	test := &storageapi.IfTest{}
	if len(p.rest) >= 3 && strings.EqualFold(p.rest[:3], "Not") {
		test.Not = true
		p.rest = p.rest[3:]
		p.skipSpace()
	}
	if token, ok := p.between('<', '>'); ok {
		test.State = &storageapi.IfTest_Token{Token: token}
		return test, true
	}
	if tag, ok := p.between('[', ']'); ok {
		// Weak and strong ones are compared alike (RFC 4918, section 10.4.4).
		opaque, _, _ := cutEtag(strings.TrimSpace(tag))
		test.State = &storageapi.IfTest_Etag{Etag: opaque}
		return test, true
	}
	return nil, false
}
