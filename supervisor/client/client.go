package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// SocketName is the API's socket in the run directory.
const SocketName = "runtime.sock"

// dialTimeout bounds the connecting to a runtime that hangs.
const dialTimeout = 3 * time.Second

// Client talks to a runtime. It is safe for concurrent use.
type Client struct {
	socket   string
	http     *http.Client
	patience time.Duration // answerTimeout, less in tests
}

// New returns a client of the runtime that works on a run directory.
func New(runDir string) *Client {
	c := &Client{socket: filepath.Join(runDir, SocketName), patience: answerTimeout}
	c.http = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			dialer := net.Dialer{Timeout: dialTimeout}
			return dialer.DialContext(ctx, "unix", c.socket)
		},
	}}
	return c
}

// NoRuntimeError is returned when nobody serves the socket.
type NoRuntimeError struct {
	Socket string
}

// Error implements error.
func (e *NoRuntimeError) Error() string {
	return fmt.Sprintf("no runtime is running at %s: start it with `ocis server`", filepath.Dir(e.Socket))
}

// List returns all instances.
func (c *Client) List(ctx context.Context) ([]Instance, error) {
	var instances []Instance
	err := c.get(ctx, "/v1/services", &instances)
	return instances, err
}

// Status returns one service in full.
func (c *Client) Status(ctx context.Context, service string) (Service, error) {
	var status Service
	err := c.get(ctx, servicePath(service, ""), &status)
	return status, err
}

// Tree says who needs whom.
func (c *Client) Tree(ctx context.Context) ([]TreeNode, error) {
	var nodes []TreeNode
	err := c.get(ctx, "/v1/tree", &nodes)
	return nodes, err
}

// Run starts a service and blocks until it is ready, or cannot be.
func (c *Client) Run(ctx context.Context, service string) (Service, error) {
	return c.act(ctx, service, "run", nil)
}

// Kill stops a service, so that it stays stopped, and blocks until it is.
func (c *Client) Kill(ctx context.Context, service string) (Service, error) {
	return c.act(ctx, service, "kill", nil)
}

// Restart replaces a service's process and blocks until the new one is ready.
func (c *Client) Restart(ctx context.Context, service string) (Service, error) {
	return c.act(ctx, service, "restart", nil)
}

// Scale changes how many instances a service has, and blocks until new ones are ready and
// those that are too many have ended.
func (c *Client) Scale(ctx context.Context, service string, replicas int) (Service, error) {
	return c.act(ctx, service, "scale", ScaleRequest{Replicas: replicas})
}

// Crash sends a signal to a service's process, or an instance's.
func (c *Client) Crash(ctx context.Context, service, signal string) (Service, error) {
	return c.act(ctx, service, "crash", CrashRequest{Signal: signal})
}

// Events calls yield with each event after a sequence number; with follow until ctx
// is done or the runtime ends. It returns the first error of yield.
func (c *Client) Events(ctx context.Context, since uint64, follow bool, yield func(Event) error) error {
	query := url.Values{"since": {strconv.FormatUint(since, 10)}, "follow": {strconv.FormatBool(follow)}}
	return stream(ctx, c, "/v1/events?"+query.Encode(), yield)
}

// LogQuery says which log lines are wanted.
type LogQuery struct {
	Services []string      // none: all
	Since    time.Duration // not older; 0: any age
	Lines    int           // the newest of each service; 0: all
	Follow   bool
}

// Logs calls yield with each log line, like Events.
func (c *Client) Logs(ctx context.Context, q LogQuery, yield func(LogLine) error) error {
	query := url.Values{"service": q.Services, "follow": {strconv.FormatBool(q.Follow)}, "lines": {strconv.Itoa(q.Lines)}}
	if q.Since > 0 {
		query.Set("since", q.Since.String())
	}
	return stream(ctx, c, "/v1/logs?"+query.Encode(), yield)
}

func servicePath(service, action string) string {
	path := "/v1/services/" + url.PathEscape(service)
	if action != "" {
		path += "/" + action
	}
	return path
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	ctx, _, cancel := c.within(ctx)
	defer cancel()
	return c.call(ctx, http.MethodGet, path, nil, into)
}

func (c *Client) act(ctx context.Context, service, action string, body any) (Service, error) {
	ctx, cancel := c.whileAlive(ctx)
	defer cancel()
	var status Service
	err := c.call(ctx, http.MethodPost, servicePath(service, action), body, &status)
	return status, err
}

func (c *Client) call(ctx context.Context, method, path string, body, into any) error {
	response, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return unlessHung(ctx, fmt.Errorf("the runtime's answer cannot be read: %w", err))
	}
	return nil
}

// send returns an answer of status 2xx; others become *Error.
func (c *Client) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://runtime"+path, content)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, &NoRuntimeError{Socket: c.socket}
	case err != nil:
		return nil, unlessHung(ctx, fmt.Errorf("talk to the runtime: %w", err))
	case response.StatusCode/100 == 2:
		return response, nil
	}
	defer response.Body.Close()
	problem := &Error{Code: response.StatusCode}
	if err := json.NewDecoder(response.Body).Decode(problem); err != nil || problem.Message == "" {
		problem.Message = "the runtime answered " + response.Status
	}
	return nil, problem
}

func stream[T any](ctx context.Context, c *Client, path string, yield func(T) error) error {
	ctx, started, cancel := c.within(ctx)
	defer cancel()
	response, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	started() // what comes may take its time
	defer response.Body.Close()
	decoder := json.NewDecoder(response.Body)
	for {
		var object T
		err := decoder.Decode(&object)
		switch {
		case errors.Is(err, io.EOF), ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("the runtime's stream ended: %w", err)
		}
		if err := yield(object); err != nil {
			return err
		}
	}
}
