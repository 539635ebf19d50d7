package child

import (
	"errors"
	"net"
	"testing"
	"time"
)

func TestTheHeaderOfAFrameLeavesWithItsBodyAndAllElseAtOnce(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	deadline := time.Now().Add(patience)
	if err := errors.Join(ours.SetDeadline(deadline), theirs.SetDeadline(deadline)); err != nil {
		t.Fatal(err)
	}
	header := func(kind, length byte) string { return string([]byte{0, kind, 0, 0, 0, 0, 0, 1, 0, 0, 0, length}) }
	const data, windowUpdate = 0, 1
	written := []string{header(windowUpdate, 9), header(data, 3), "abc", header(data, 0), header(data, 12), header(data, 5)}
	sent := make(chan error, 1)
	go func() {
		conn := &connection{Conn: ours, ended: make(chan struct{})}
		for _, part := range written {
			if n, err := conn.Write([]byte(part)); err != nil || n != len(part) {
				sent <- errors.Join(errors.New("a write failed"), err)
				return
			}
		}
		sent <- nil
	}()
	for _, want := range []string{written[0], written[1] + written[2], written[3], written[4] + written[5]} {
		got := make([]byte, 100)
		n, err := theirs.Read(got) // of a pipe: what one write brought
		if err != nil || string(got[:n]) != want {
			t.Fatalf("%q (%v) arrived, want %q", got[:n], err, want)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// broken cannot be written to, and its reads end when they are let go.
type broken struct {
	net.Conn
	closed, letGo chan struct{}
}

func (b broken) Write([]byte) (int, error) { return 0, errors.New("broken") }
func (b broken) Close() error              { close(b.closed); return nil }
func (b broken) Read([]byte) (int, error) {
	<-b.letGo
	return 0, net.ErrClosed
}

func TestAWriteFailsWhenTheReaderHasBeenTold(t *testing.T) {
	b := broken{closed: make(chan struct{}), letGo: make(chan struct{})}
	conn := &connection{Conn: b, ended: make(chan struct{})}
	told := make(chan bool, 1)
	go func() {
		_, err := conn.Write([]byte("x"))
		select {
		case <-conn.ended:
			told <- err != nil
		default:
			told <- false
		}
	}()
	<-b.closed
	close(b.letGo)
	if _, err := conn.Read(nil); err == nil {
		t.Error("a broken connection can be read")
	}
	if !<-told {
		t.Error("the write did not fail, or before the reader was told")
	}
}
