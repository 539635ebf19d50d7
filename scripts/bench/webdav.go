package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// The load: what each round does, and how often.
const (
	clients    = 4
	rounds     = 5
	window     = time.Second // of one operation on one server in one round
	fileSize   = 4 << 10
	ownFiles   = 50 // of each client, to read
	listed     = 300
	bigSize    = 128 << 20
	bigRounds  = 3
	propertyOf = `<?xml version="1.0"?><propfind xmlns="DAV:"><prop><resourcetype/><getlastmodified/><getcontentlength/><getetag/></prop></propfind>`
)

// A contender is a server under load.
type contender struct {
	name        string
	pid         int
	endpoint    endpoint
	connections []*connection
	round       int
	written     [clients]int // files of this round that PUT made
	moved       [clients]int // and MOVE renamed
	rates       map[string][]float64
	usage       map[string]*usage
}

// An operation is what a row of the load measures.
type operation struct {
	name   string
	target float64
	next   func(c *contender) step
}

var small = randomBytes(fileSize)

func randomBytes(n int) []byte {
	data := make([]byte, n)
	rand.Read(data)
	return data
}

// Places in operations.
const (
	opGet = 0
	opPut = 3
)

var operations = []operation{
	{"GET 4 KiB", 0.5, func(*contender) step {
		return func(client, n int) (request, bool) {
			return request{method: "GET", path: ownFile(client, n%ownFiles), want: http.StatusOK}, true
		}
	}},
	{"PROPFIND depth 0", 0.5, func(*contender) step {
		return func(client, n int) (request, bool) {
			return propfind(ownFile(client, n%ownFiles), "0"), true
		}
	}},
	{"PROPFIND depth 1, 300 entries", 0, func(*contender) step {
		return func(int, int) (request, bool) { return propfind("listed/", "1"), true }
	}},
	{"PUT 4 KiB", 0, func(c *contender) step {
		return func(client, n int) (request, bool) {
			c.written[client] = n + 1
			return put(c.madeFile(client, n), small, fileSize), true
		}
	}},
	{"MOVE", 0, func(c *contender) step {
		return func(client, n int) (request, bool) {
			if n >= c.written[client] {
				return request{}, false
			}
			c.moved[client] = n + 1
			destination := "Destination: " + c.endpoint.url(c.movedFile(client, n)) + "\r\n"
			return request{method: "MOVE", path: c.madeFile(client, n), header: destination, want: http.StatusCreated}, true
		}
	}},
	{"DELETE", 0, func(c *contender) step {
		return func(client, n int) (request, bool) {
			return request{method: "DELETE", path: c.movedFile(client, n), want: http.StatusNoContent}, n < c.moved[client]
		}
	}},
}

func ownFile(client, n int) string { return fmt.Sprintf("own%d/file%02d", client, n) }

func (c *contender) roundFolder(client int) string {
	return fmt.Sprintf("round%d-%d/", c.round, client)
}
func (c *contender) madeFile(client, n int) string {
	return fmt.Sprintf("%smade%d", c.roundFolder(client), n)
}
func (c *contender) movedFile(client, n int) string {
	return fmt.Sprintf("%smoved%d", c.roundFolder(client), n)
}

func put(path string, body []byte, size int64) request {
	return request{method: "PUT", path: path, body: body, size: size, want: http.StatusCreated}
}

func mkcol(path string) request {
	return request{method: "MKCOL", path: path, want: http.StatusCreated}
}

func propfind(path, depth string) request {
	return request{
		method: "PROPFIND", path: path, want: http.StatusMultiStatus,
		header: "Depth: " + depth + "\r\nContent-Type: application/xml\r\n",
		body:   []byte(propertyOf), size: int64(len(propertyOf)),
	}
}

// measureLoad runs every operation on both servers in turns. Both run all the time:
// the one that waits costs nothing.
func measureLoad(ctx context.Context, b *bench) error {
	return scratch(func(dir string) (err error) {
		server, err := startStack(ctx, b.binary, filepath.Join(dir, "ocis"))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.stop()) }()
		contenders := []*contender{{name: "ocis", pid: server.pid, endpoint: server.endpoint}}

		apacheDir := filepath.Join(dir, "apache")
		if err := prepareFolderFor(apacheDir, dir); err != nil {
			return err
		}
		apache, err := startApache(ctx, apacheDir)
		switch {
		case errors.Is(err, errNoApache):
			b.note("%v", err)
		case err != nil:
			return err
		default:
			defer func() { err = errors.Join(err, apache.stop()) }()
			cheap := apache.endpoint
			cheap.user, cheap.root = cheapestHash, "/"+cheapestHash+"/"
			contenders = append(contenders,
				&contender{name: "Apache", pid: apache.pid, endpoint: apache.endpoint},
				&contender{name: "with SHA-1 passwords", pid: apache.pid, endpoint: cheap})
		}
		return b.compare(ctx, contenders)
	})
}

// prepareFolderFor makes a folder that Apache's workers, another account, can reach.
func prepareFolderFor(folder, parent string) error {
	if err := os.Chmod(parent, 0o711); err != nil {
		return err
	}
	return os.Mkdir(folder, 0o700)
}

func (b *bench) compare(ctx context.Context, contenders []*contender) error {
	for _, c := range contenders {
		defer c.disconnect()
		if err := c.prepare(ctx); err != nil {
			return fmt.Errorf("prepare %s: %w", c.name, err)
		}
	}
	for round := range rounds {
		for _, c := range contenders {
			if err := c.beginRound(round); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
		for _, o := range operations {
			for _, c := range inTurn(contenders, round) {
				if err := c.run(ctx, o); err != nil {
					return fmt.Errorf("%s, %s: %w", c.name, o.name, err)
				}
			}
		}
	}
	for round := range bigRounds {
		for _, c := range inTurn(contenders[:min(2, len(contenders))], round) {
			if err := c.transferBig(ctx); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	b.addLoad(contenders)
	return nil
}

// inTurn lets another contender begin in each round.
func inTurn(contenders []*contender, round int) []*contender {
	first := round % len(contenders)
	return slices.Concat(contenders[first:], contenders[:first])
}

// prepare connects the clients and makes the files that are read and listed.
func (c *contender) prepare(ctx context.Context) error {
	c.rates, c.usage = map[string][]float64{}, map[string]*usage{}
	for range clients {
		connection, err := c.endpoint.connect(ctx)
		if err != nil {
			return err
		}
		c.connections = append(c.connections, connection)
	}
	if c.endpoint.user == cheapestHash {
		if _, err := c.connections[0].do(mkcol("")); err != nil {
			return err
		}
	}
	for client, connection := range c.connections {
		if _, err := connection.do(mkcol(fmt.Sprintf("own%d/", client))); err != nil {
			return err
		}
		for n := range ownFiles {
			if _, err := connection.do(put(ownFile(client, n), small, fileSize)); err != nil {
				return err
			}
		}
	}
	if _, err := c.connections[0].do(mkcol("listed/")); err != nil {
		return err
	}
	for n := range listed {
		if _, err := c.connections[n%clients].do(put(fmt.Sprintf("listed/file%03d", n), small, fileSize)); err != nil {
			return err
		}
	}
	return nil
}

func (c *contender) disconnect() {
	for _, connection := range c.connections {
		connection.close()
	}
}

func (c *contender) beginRound(round int) error {
	c.round = round
	for client, connection := range c.connections {
		if _, err := connection.do(mkcol(c.roundFolder(client))); err != nil {
			return err
		}
	}
	return nil
}

// run measures one operation in one round.
func (c *contender) run(ctx context.Context, o operation) error {
	syscall.Sync() // what the other left to be written must not slow this one
	before, err := cpuOf(c.pid)
	if err != nil {
		return err
	}
	requests, took, err := throughput(ctx, c.connections, window, o.next(c))
	if err != nil {
		return err
	}
	if requests == 0 {
		return errors.New("not a single request was possible")
	}
	after, err := cpuOf(c.pid)
	if err != nil {
		return err
	}
	if c.usage[o.name] == nil {
		c.usage[o.name] = &usage{cpu: map[string]time.Duration{}}
	}
	c.usage[o.name].add(requests, before, after)
	c.rates[o.name] = append(c.rates[o.name], float64(requests)/took.Seconds())
	return ctx.Err()
}

// The names of the two operations with one big file and one client.
const (
	bigPut = "PUT 128 MiB"
	bigGet = "GET 128 MiB"
)

func (c *contender) transferBig(ctx context.Context) error {
	syscall.Sync()
	connection, megabytes := c.connections[0], float64(bigSize>>20)
	body := bytes.Repeat(small, 1<<20/fileSize)
	began := time.Now()
	if _, err := connection.do(put("big", body, bigSize)); err != nil {
		return err
	}
	c.rates[bigPut] = append(c.rates[bigPut], megabytes/time.Since(began).Seconds())
	began = time.Now()
	size, err := connection.do(request{method: "GET", path: "big", want: http.StatusOK})
	if err != nil {
		return err
	}
	c.rates[bigGet] = append(c.rates[bigGet], megabytes/time.Since(began).Seconds())
	if size != bigSize {
		return fmt.Errorf("GET of %d bytes returned %d", bigSize, size)
	}
	if _, err := connection.do(request{method: "DELETE", path: "big", want: http.StatusNoContent}); err != nil {
		return err
	}
	return ctx.Err()
}
