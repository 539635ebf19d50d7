package descriptor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// exchangeTimeout bounds one answer, and the arrival of a ticket that has begun.
const exchangeTimeout = 5 * time.Second

// maxSessions bounds the connections that are served at the same time.
const maxSessions = 4096

// session is one connection. Of what was lent over it, only the last is current.
type session struct {
	broker *Broker
	conn   *net.UnixConn
	lent   *handout
}

// Serve answers tickets on listener until ctx is done; then it closes the listener
// and all connections, and everything that was lent is over when it returns. It is
// called once.
func (b *Broker) Serve(ctx context.Context, listener net.Listener) error {
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	defer b.shut()
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if temporary(err) {
				if !wait(ctx, 50*time.Millisecond) {
					return nil
				}
				continue
			}
			listener.Close()
			return fmt.Errorf("accept on %s: %w", listener.Addr(), err)
		}
		b.admit(conn)
	}
}

// temporary errors of accept(2) pass when descriptors are free again.
func temporary(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ECONNABORTED)
}

func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (b *Broker) admit(conn net.Conn) {
	unixConn, ok := conn.(*net.UnixConn)
	s := &session{broker: b, conn: unixConn}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !ok || b.closed || len(b.sessions) >= maxSessions {
		conn.Close()
		return
	}
	b.sessions[s] = struct{}{}
	b.serving.Go(s.run)
}

func (s *session) run() {
	defer func() {
		s.conn.Close()
		s.giveBack()
		s.broker.mu.Lock()
		delete(s.broker.sessions, s)
		s.broker.mu.Unlock()
	}()
	for {
		t, err := s.read()
		if err != nil {
			return
		}
		s.giveBack()
		if s.answer(t) != nil {
			return
		}
	}
}

// read waits for a ticket; an idle connection may wait as long as it likes.
func (s *session) read() (t ticket, err error) {
	n, err := s.conn.Read(t[:])
	if err != nil {
		return t, err
	}
	if n < len(t) {
		s.conn.SetReadDeadline(time.Now().Add(exchangeTimeout))
		if _, err := io.ReadFull(s.conn, t[n:]); err != nil {
			return t, err
		}
		s.conn.SetReadDeadline(time.Time{})
	}
	return t, nil
}

func (s *session) answer(t ticket) error {
	s.conn.SetWriteDeadline(time.Now().Add(exchangeTimeout))
	h, ok := s.broker.redeem(t)
	if !ok {
		_, err := s.conn.Write([]byte{statusRefused})
		return err
	}
	err := send(s.conn, h.file)
	if h.lent {
		s.lent = h
	} else {
		h.over()
	}
	return err
}

// giveBack ends what was lent over this connection.
func (s *session) giveBack() {
	if s.lent != nil {
		s.lent.over()
		s.lent = nil
	}
}

// send passes a copy of file's descriptor.
func send(conn *net.UnixConn, file *os.File) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return fmt.Errorf("hand out %s: %w", file.Name(), err)
	}
	var sent error
	// Control keeps the descriptor from being closed and its number reused meanwhile.
	err = raw.Control(func(fd uintptr) {
		_, _, sent = conn.WriteMsgUnix([]byte{statusGranted}, syscall.UnixRights(int(fd)), nil)
	})
	return errors.Join(err, sent)
}
