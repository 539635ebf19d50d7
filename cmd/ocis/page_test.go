package main

import (
	"html"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/registry"
)

func TestThePageKnowsTheServicesThatRunHere(t *testing.T) {
	server := ocistest.Start(t)
	browser := ocistest.Client(t)
	var body string
	for expired := time.Now().Add(ocistest.Patience); !strings.Contains(body, ">all ready<"); {
		var err error
		if _, body, err = server.Try(browser, http.MethodGet, "/", ""); err != nil || time.Now().After(expired) {
			t.Fatalf("%v: %s", err, body)
		}
	}
	for _, b := range family {
		if !strings.Contains(body, html.EscapeString(b.summary)) {
			t.Errorf("%s is not shown: %s", b.name, body)
		}
	}
}

func TestTheRuntimeTellsOfServicesThatRunOnly(t *testing.T) {
	declared := []plugins.Declaration{{Name: "web", Summary: "the page"}, {Name: "search", Summary: "finds"}}
	metadata := runtimeMetadata([]string{"web"}, declared)
	if _, told := metadata[registry.Keeps+"search"]; told || metadata[registry.Keeps+"web"] != "the page" {
		t.Errorf("it tells %v", metadata)
	}
}
