package thumbnailsapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/registry"
	"github.com/owncloud/ocis-runtime/services/internal/token"
)

const key = Key("da39a3ee5e6b4b0d3255bfef95601890afd80709")

var mode = Mode{Width: 32, Height: 32}

// aJPEG looks like one.
var aJPEG = []byte("\xff\xd8\xff\xe0 and so on")

// serve returns a client of a service that answers so.
func serve(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	dir, err := os.MkdirTemp("", "previews") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: answer}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	directory := registry.NewDirectory()
	directory.Apply(registry.Document{Writer: "test", Nodes: []plugins.Registration{{Service: Service, NodeID: "thumbnails-1", Address: "unix:" + path}}})
	client := NewClient(directory)
	t.Cleanup(func() {
		client.Close()
		server.Close()
		<-served
	})
	return client
}

func statusOf(err error) int {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal.Status
	}
	return 0
}

func TestAPictureIsAskedForByNameAndSentOnlyToHaveAPreviewMade(t *testing.T) {
	var content []byte
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != PreviewPath+string(key) || r.URL.RawQuery != mode.Query() || r.Header.Get(token.Header) != "signed" {
			t.Errorf("%s with %v", r.URL, r.Header)
		}
		if r.Method == http.MethodGet {
			http.Error(w, "not yet", http.StatusNotFound)
			return
		}
		content, _ = io.ReadAll(r.Body)
		_, _ = w.Write(aJPEG)
	})
	if _, err := client.Cached(t.Context(), "signed", key, mode); statusOf(err) != http.StatusNotFound || err.Error() != "not yet" {
		t.Errorf("%v", err)
	}
	preview, err := client.Make(t.Context(), "signed", key, mode, bytes.NewReader([]byte("a picture")), 9)
	if err != nil || preview.ContentType != "image/jpeg" || !bytes.Equal(preview.Content, aJPEG) || string(content) != "a picture" {
		t.Errorf("%v %v, of %q", preview, err, content)
	}
}

func TestAQuestionIsRepeatedWhenTheProcessEndsInTheMiddle(t *testing.T) {
	var asked atomic.Int32
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body)
		switch asked.Add(1) {
		case 1: // before the answer
			panic(http.ErrAbortHandler)
		case 2: // in the middle of it
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(aJPEG)
			panic(http.ErrAbortHandler)
		}
		if string(content) != "a picture" {
			t.Errorf("the content is %q", content)
		}
		_, _ = w.Write(aJPEG)
	})
	if preview, err := client.Make(t.Context(), "", key, mode, bytes.NewReader([]byte("a picture")), 9); err != nil || len(preview.Content) != len(aJPEG) {
		t.Errorf("%v %v", preview, err)
	}
}

func TestAQuestionIsNotRepeatedForEver(t *testing.T) {
	var asked atomic.Int32
	client := serve(t, func(http.ResponseWriter, *http.Request) {
		asked.Add(1)
		panic(http.ErrAbortHandler)
	})
	if _, err := client.Cached(t.Context(), "", key, mode); !errors.Is(err, ErrAway) || asked.Load() != maxAttempts {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
}

func TestNobodyWaitsForAServiceThatWasStopped(t *testing.T) {
	directory := registry.NewDirectory()
	directory.Apply(registry.Document{Writer: "test", Stopped: []string{Service}})
	client := NewClient(directory)
	defer client.Close()
	if _, err := client.Cached(t.Context(), "", key, mode); !errors.Is(err, ErrAway) || !errors.Is(err, registry.ErrStopped) {
		t.Errorf("%v", err)
	}
}

func TestAQuestionWaitsForTheServiceNoLongerThanItsContext(t *testing.T) {
	client := NewClient(registry.NewDirectory())
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := client.Cached(ctx, "", key, mode); !errors.Is(err, ErrAway) {
		t.Errorf("%v", err)
	}
}

func TestOnlyPicturesGetOutOfTheSandbox(t *testing.T) {
	for name, content := range map[string][]byte{
		"a page": []byte("<script>alert(1)</script>"), "nothing": nil, "a GIF": []byte("GIF89a"),
		"too much": append([]byte("\xff\xd8\xff"), make([]byte, maxPreview)...),
	} {
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write(content)
		})
		if preview, err := client.Cached(t.Context(), "", key, mode); statusOf(err) != http.StatusInternalServerError || preview.Content != nil {
			t.Errorf("%s: %d bytes, %v", name, len(preview.Content), err)
		}
	}
}
