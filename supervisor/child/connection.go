package child

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// connection carries go-plugin's calls to a child, in the frames of its multiplexer, yamux.
// It saves yamux from two of its habits (session.go and stream.go of yamux 0.1.2):
//
// A frame's header and body are written apart, which wakes the child twice. Here they leave
// together.
//
// When a write fails, all who read from the session spin until its receiver has noticed the
// end too. Where many children end at once, they keep the processors from the receivers, for
// seconds. Here a write fails when the receiver has been told.
//
// And it bounds what a child may say: gob, in which answers come, keeps a message of many
// gigabytes until it is whole, and its content would go into the runtime's log and events.
type connection struct {
	net.Conn
	held []byte       // a header whose body is to come; only yamux's one sender touches it
	said atomic.Int64 // bytes, since the last question

	endOnce sync.Once
	ended   chan struct{} // closed when a read has failed
}

// The layout of yamux's frames (its spec.md, "Framing").
const (
	frameHeader   = 12
	frameTypeAt   = 1
	frameTypeData = 0
	frameLengthAt = 8
)

// endPatience bounds how long a failed write waits for the receiver.
const endPatience = time.Second

// maxAnswer bounds what a child says between two questions, in bytes. An answer has some
// hundred, and yamux says little by itself.
const maxAnswer = 64 << 10

// errTalks means that the connection is given up because of what comes.
var errTalks = fmt.Errorf("the child answers with more than %d KiB", maxAnswer>>10)

// connectTo connects with the socket that a child has made. Where it has put a symbolic
// link, what answers is bound to another path, and is not spoken to.
func connectTo(address net.Addr) (*connection, error) {
	conn, err := net.Dial(address.Network(), address.String())
	if err != nil {
		return nil, err
	}
	if conn.RemoteAddr().String() != address.String() {
		conn.Close()
		return nil, errors.New("its control socket is another program's")
	}
	return &connection{Conn: conn, ended: make(chan struct{})}, nil
}

// Read implements net.Conn.
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil && c.said.Add(int64(n)) > maxAnswer {
		c.Conn.Close()
		n, err = 0, errTalks
	}
	if err != nil {
		c.endOnce.Do(func() { close(c.ended) })
	}
	return n, err
}

// Write implements net.Conn. It holds a header back until its body comes.
func (c *connection) Write(p []byte) (int, error) {
	if len(c.held) == 0 && bodyFollows(p) {
		c.said.Store(0) // only questions have a body
		c.held = append(c.held, p...)
		return len(p), nil
	}
	frame := p
	if len(c.held) > 0 {
		frame = append(c.held, p...)
		c.held = c.held[:0]
	}
	if _, err := c.Conn.Write(frame); err != nil {
		c.Conn.Close()
		select {
		case <-c.ended:
		case <-time.After(endPatience):
		}
		return 0, err
	}
	return len(p), nil
}

func bodyFollows(p []byte) bool {
	return len(p) == frameHeader && p[frameTypeAt] == frameTypeData && binary.BigEndian.Uint32(p[frameLengthAt:]) > 0
}
