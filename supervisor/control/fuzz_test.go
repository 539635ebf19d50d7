package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/metrics"
)

// leaver is a client that goes away at the first byte of a stream, so that no stream
// keeps the test.
type leaver struct {
	*httptest.ResponseRecorder
	leave context.CancelFunc
}

func (l *leaver) FlushError() error {
	l.leave()
	return nil
}

// FuzzAPI sends whatever a connection can carry to a runtime whose only service cannot
// start: every answer is JSON, or the metrics, and none says that the runtime failed.
func FuzzAPI(f *testing.F) {
	for _, seed := range [][3]string{
		{"GET", "/v1/services", ""}, {"GET", "/v1/services/web", ""}, {"HEAD", "/v1/tree", ""},
		{"POST", "/v1/services/web/run", ""}, {"POST", "/v1/services/web/kill", "x"}, {"POST", "/v1/services/web/restart", "{}"},
		{"POST", "/v1/services/web/crash", `{"signal":"SIGTERM"}`}, {"POST", "/v1/services/web/crash", `{"signal":7}`},
		{"GET", "/v1/events?since=1&follow=true", ""}, {"GET", "/v1/logs?service=web&since=1h&lines=3&follow=true", ""},
		{"GET", "/v1/services/%00/../%2e%2e", ""}, {"CONNECT", "/v1/services", ""}, {"OPTIONS", "*", ""}, {"GET", "/metrics", ""},
		{"DELETE", "//v1/./services//", ""}, {"GET", "/v1/services/w%C3%28b", ""}, {"GET", "http://x/v1/tree?%zz=;&", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	s := start(f, "/nonexistent", plugins.Declaration{Name: "web", Restart: plugins.RestartNever})
	handler := s.server.routes()
	f.Fuzz(func(t *testing.T, method, target, body string) {
		head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: runtime\r\nContent-Length: %d\r\n\r\n", method, target, len(body))
		request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head + body)))
		if err != nil {
			return // net/http answers by itself
		}
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), peerKey{}, true), patience)
		defer cancel()
		answer := &leaver{httptest.NewRecorder(), cancel}
		handler.ServeHTTP(answer, request.WithContext(ctx))
		checkAnswer(t, answer.Result())
	})
}

func checkAnswer(t *testing.T, answer *http.Response) {
	t.Helper()
	decoder := json.NewDecoder(answer.Body)
	switch kind := answer.Header.Get("Content-Type"); {
	case answer.StatusCode == http.StatusOK && kind == metrics.ContentType:
	case answer.StatusCode == http.StatusOK && (kind == "application/json" || kind == "application/x-ndjson"):
		for {
			var object any
			err := decoder.Decode(&object)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	case answer.StatusCode/100 == 4 && kind == "application/json":
		var problem client.Error
		if err := decoder.Decode(&problem); err != nil || problem.Code != answer.StatusCode || problem.Message == "" ||
			strings.ContainsAny(problem.Message, "\r\n") {
			t.Fatalf("%v %+v", err, problem)
		}
	default:
		t.Fatalf("status %d, content type %q", answer.StatusCode, kind)
	}
}
