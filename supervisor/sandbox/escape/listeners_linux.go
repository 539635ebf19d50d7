package escape

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// replyBound is how long each side of a connection waits for the other.
const replyBound = 2 * time.Second

// longestSocket is sun_path of unix(7) without its last zero.
const longestSocket = 107

// Names of planted sockets, below Dir.
const (
	peerSocket    = "peer.sock"
	controlSocket = "runtime.sock"
)

// listener records whether somebody said the token to it. It answers "reached".
type listener struct {
	name    string
	reached atomic.Bool
	close   func()
}

func (t *Targets) listen() error {
	t.Abstract = t.name("abstract")
	for name, address := range map[string][2]string{
		"tcp": {"tcp", "127.0.0.1:0"}, "peer": {"unix", t.path(peerSocket)},
		"control": {"unix", t.path(controlSocket)}, "abstract": {"unix", "@" + t.Abstract},
	} {
		if len(address[1]) > longestSocket {
			return fmt.Errorf("the path of a socket, %s, is longer than the %d bytes that the kernel takes: give a folder with a shorter path", address[1], longestSocket)
		}
		accepting, err := net.Listen(address[0], address[1])
		if err != nil {
			return err
		}
		if name == "tcp" {
			t.TCP = accepting.Addr().String()
		}
		l := &listener{name: name, close: func() { accepting.Close() }}
		t.outside.listeners = append(t.outside.listeners, l)
		t.outside.work.Go(func() { t.serve(l, accepting) })
	}
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	t.UDP = packets.LocalAddr().String()
	l := &listener{name: "udp", close: func() { packets.Close() }}
	t.outside.listeners = append(t.outside.listeners, l)
	t.outside.work.Go(func() { t.receive(l, packets) })
	return t.keepDialling()
}

func (t *Targets) serve(l *listener, accepting net.Listener) {
	for {
		connection, err := accepting.Accept()
		if err != nil {
			return // closed
		}
		_ = connection.SetDeadline(time.Now().Add(replyBound))
		said := make([]byte, len(t.Token))
		if n, _ := connection.Read(said); string(said[:n]) == t.Token {
			l.reached.Store(true)
			_, _ = connection.Write([]byte("reached"))
		}
		connection.Close()
	}
}

func (t *Targets) receive(l *listener, packets net.PacketConn) {
	said := make([]byte, 64)
	for {
		n, from, err := packets.ReadFrom(said)
		if err != nil {
			return // closed
		}
		if string(said[:n]) == t.Token {
			l.reached.Store(true)
			_, _ = packets.WriteTo([]byte("reached"), from)
		}
	}
}

// keepDialling calls a port on which nobody listens until an attempt does.
func (t *Targets) keepDialling() error {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	t.BindPort = free.Addr().(*net.TCPAddr).Port
	free.Close()
	ctx, cancel := context.WithCancel(context.Background())
	t.outside.cancel = cancel
	t.outside.work.Go(func() {
		for tick := time.NewTicker(50 * time.Millisecond); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
				t.greet(ctx)
			}
		}
	})
	return nil
}

func (t *Targets) greet(ctx context.Context) {
	dialer := net.Dialer{Timeout: replyBound}
	connection, err := dialer.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", t.BindPort))
	if err != nil {
		return
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(replyBound))
	_, _ = connection.Write([]byte(t.Token))
}

// reachedBy tells whether an attempt came through to a listener.
func reachedBy(name string) func(*Targets) bool {
	return func(t *Targets) bool {
		for _, l := range t.outside.listeners {
			if l.name == name {
				return l.reached.Load()
			}
		}
		return false
	}
}

// knock says the token to an address and waits for the answer.
func knock(t *Targets, network, address string) outcome {
	connection, err := net.DialTimeout(network, address, replyBound)
	if err != nil {
		return refused(shorten(err))
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(replyBound))
	if _, err := connection.Write([]byte(t.Token)); err != nil {
		return refused(shorten(err))
	}
	answer := make([]byte, 64)
	n, err := connection.Read(answer)
	if err != nil {
		return refused(shorten(err))
	}
	return obtained("connected, and it answered %q", strings.TrimSpace(string(answer[:n])))
}

// shorten keeps what the kernel said of an error of the network.
func shorten(err error) error {
	for {
		wrapped, ok := err.(interface{ Unwrap() error })
		if !ok || wrapped.Unwrap() == nil {
			return err
		}
		if _, call := err.(*os.SyscallError); call {
			return err
		}
		err = wrapped.Unwrap()
	}
}
