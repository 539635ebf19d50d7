package client

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// serve answers on the socket of a run directory and returns an impatient client of it.
func serve(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	dir, err := os.MkdirTemp("", "client") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, SocketName))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // ends with the test
	}()
	t.Cleanup(func() { server.Close(); <-served })
	c := New(dir)
	c.patience = 100 * time.Millisecond
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

// calls are one of each kind.
var calls = map[string]func(context.Context, *Client) error{
	"list":    func(ctx context.Context, c *Client) error { _, err := c.List(ctx); return err },
	"status":  func(ctx context.Context, c *Client) error { _, err := c.Status(ctx, "web"); return err },
	"restart": func(ctx context.Context, c *Client) error { _, err := c.Restart(ctx, "web"); return err },
	"events": func(ctx context.Context, c *Client) error {
		return c.Events(ctx, 0, true, func(Event) error { return nil })
	},
	"logs": func(ctx context.Context, c *Client) error {
		return c.Logs(ctx, LogQuery{}, func(LogLine) error { return nil })
	},
}

func TestNoCallWaitsForARuntimeThatHangs(t *testing.T) {
	for behaviour, handler := range map[string]http.HandlerFunc{
		"without an answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"in its answer": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte("["))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	} {
		for name, call := range calls {
			if behaviour == "in its answer" && name != "list" { // streams pause as long as nothing happens
				continue
			}
			t.Run(name+" "+behaviour, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				var hung *HungError
				if err := call(ctx, serve(t, handler)); !errors.As(err, &hung) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

func TestACommandWaitsAsLongAsTheRuntimeLives(t *testing.T) {
	var asked atomic.Int32
	thrice := make(chan struct{})
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			if asked.Add(1) == 3 {
				close(thrice)
			}
			_, _ = w.Write([]byte("[]"))
			return
		}
		select {
		case <-thrice: // several times the patience
			_, _ = w.Write([]byte(`{"name":"web"}`))
		case <-r.Context().Done():
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if service, err := c.Kill(ctx, "web"); err != nil || service.Name != "web" {
		t.Errorf("%+v %v", service, err)
	}
}

func TestAStreamMayBeSilent(t *testing.T) {
	release := make(chan struct{})
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-release
		_, _ = w.Write([]byte(`{"seq":1}` + "\n"))
	})
	time.AfterFunc(3*c.patience, func() { close(release) }) // the silence is what is tested
	events := 0
	err := c.Events(t.Context(), 0, true, func(Event) error { events++; return nil })
	if err != nil || events != 1 {
		t.Errorf("%d events, %v", events, err)
	}
}
