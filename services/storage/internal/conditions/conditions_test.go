package conditions

import (
	"testing"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

func token(t string) *storageapi.IfTest {
	return &storageapi.IfTest{State: &storageapi.IfTest_Token{Token: t}}
}

func etag(t string) *storageapi.IfTest {
	return &storageapi.IfTest{State: &storageapi.IfTest_Etag{Etag: t}}
}

func not(test *storageapi.IfTest) *storageapi.IfTest {
	test.Not = true
	return test
}

func list(path string, tests ...*storageapi.IfTest) *storageapi.IfList {
	return &storageapi.IfList{Path: path, Tests: tests}
}

func TestIfHeaderAsRFC4918Section10_4Says(t *testing.T) {
	states := map[string]State{
		"/locked": {Exists: true, Etag: "e1", Tokens: []string{"urn:a", "urn:b"}},
		"/plain":  {Exists: true, Etag: "e2"},
	}
	for _, test := range []struct {
		name  string
		lists []*storageapi.IfList
		want  bool
	}{
		{"no list is no condition", nil, true},
		{"the right token", []*storageapi.IfList{list("/locked", token("urn:a"))}, true},
		{"another of its tokens", []*storageapi.IfList{list("/locked", token("urn:b"))}, true},
		{"a wrong token", []*storageapi.IfList{list("/locked", token("urn:x"))}, false},
		{"a token of another resource", []*storageapi.IfList{list("/plain", token("urn:a"))}, false},
		{"token and etag", []*storageapi.IfList{list("/locked", token("urn:a"), etag("e1"))}, true},
		{"token and wrong etag", []*storageapi.IfList{list("/locked", token("urn:a"), etag("e2"))}, false},
		{"wrong list or right list", []*storageapi.IfList{list("/locked", token("urn:x")), list("/locked", etag("e1"))}, true},
		{"one tagged list of two resources", []*storageapi.IfList{list("/plain", token("urn:a")), list("/locked", token("urn:a"))}, true},
		{"not a wrong token (10.4.8)", []*storageapi.IfList{list("/locked", token("urn:x")), list("/locked", not(token("DAV:no-lock")))}, true},
		{"not the right token", []*storageapi.IfList{list("/locked", not(token("urn:a")))}, false},
		{"not an etag", []*storageapi.IfList{list("/plain", not(etag("e1")))}, true},
		{"no-lock never holds (10.4.8)", []*storageapi.IfList{list("/plain", token("DAV:no-lock"))}, false},
		{"etag where nothing is", []*storageapi.IfList{list("/gone", etag("")), list("/gone", token("urn:a"))}, false},
		{"not a token where nothing is", []*storageapi.IfList{list("/gone", not(token("urn:a")))}, true},
		{"a list without tests", []*storageapi.IfList{list("/plain")}, false},
		{"a test without a state", []*storageapi.IfList{list("/plain", &storageapi.IfTest{Not: true})}, false},
	} {
		if got := ListsHold(test.lists, func(path string) State { return states[path] }); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestIfMatchAndIfNoneMatchAsRFC9110Says(t *testing.T) {
	there, gone := State{Exists: true, Etag: "e"}, State{}
	for _, test := range []struct {
		name        string
		match, none []string
		state       State
		want        bool
	}{
		{"no condition", nil, nil, there, true},
		{"If-Match one of them", []string{"x", "e"}, nil, there, true},
		{"If-Match another", []string{"x"}, nil, there, false},
		{"If-Match * there", []string{"*"}, nil, there, true},
		{"If-Match * gone", []string{"*"}, nil, gone, false},
		{"If-Match an empty etag, gone", []string{""}, nil, gone, false},
		{"If-None-Match * there", nil, []string{"*"}, there, false},
		{"If-None-Match * gone", nil, []string{"*"}, gone, true},
		{"If-None-Match it", nil, []string{"e"}, there, false},
		{"If-None-Match another", nil, []string{"x"}, there, true},
		{"both, one fails", []string{"e"}, []string{"e"}, there, false},
	} {
		if got := EtagsMatch(test.match, test.none, test.state); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestIfUnmodifiedSinceCountsWholeSeconds(t *testing.T) {
	const second = int64(1_000_000_000)
	for _, test := range []struct {
		name  string
		state State
		want  bool
	}{
		{"before", State{Exists: true, Modified: 9 * second}, true},
		{"in that second", State{Exists: true, Modified: 10*second + second/2}, true},
		{"after", State{Exists: true, Modified: 11 * second}, false},
		{"before 1970", State{Exists: true, Modified: -1}, true},
		{"nothing there", State{}, true},
	} {
		if got := Unmodified(10, test.state); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
