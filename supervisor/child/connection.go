package child

import (
	"encoding/binary"
	"net"
	"sync"
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
type connection struct {
	net.Conn
	held []byte // a header whose body is to come; only yamux's one sender touches it

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

func connectTo(address net.Addr) (*connection, error) {
	conn, err := net.Dial(address.Network(), address.String())
	if err != nil {
		return nil, err
	}
	return &connection{Conn: conn, ended: make(chan struct{})}, nil
}

// Read implements net.Conn.
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.endOnce.Do(func() { close(c.ended) })
	}
	return n, err
}

// Write implements net.Conn. It holds a header back until its body comes.
func (c *connection) Write(p []byte) (int, error) {
	if len(c.held) == 0 && bodyFollows(p) {
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
