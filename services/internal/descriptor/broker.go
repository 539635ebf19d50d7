package descriptor

import (
	"crypto/rand"
	"errors"
	"os"
	"sync"
	"time"
)

// TicketLifetime is how long a ticket is good for.
const TicketLifetime = 10 * time.Second

// maxOutstanding bounds the files that unused tickets keep open.
const maxOutstanding = 1024

// ErrBusy means that too many tickets wait for their use.
var ErrBusy = errors.New("too many unused tickets")

// errClosed means that the broker serves no more.
var errClosed = errors.New("the content socket is closed")

type ticket [TicketSize]byte

// handout is an open file that waits for its ticket, or was handed out.
type handout struct {
	file   *os.File
	lent   bool // over waits for the end of the connection
	over   func()
	expiry *time.Timer
}

// Broker hands out files against tickets. It is safe for concurrent use.
type Broker struct {
	lifetime time.Duration

	mu       sync.Mutex
	waiting  map[ticket]*handout
	sessions map[*session]struct{}
	closed   bool
	serving  sync.WaitGroup
}

// NewBroker returns a broker whose tickets are good for lifetime.
func NewBroker(lifetime time.Duration) *Broker {
	return &Broker{
		lifetime: lifetime,
		waiting:  map[ticket]*handout{},
		sessions: map[*session]struct{}{},
	}
}

// Give returns a ticket for file, which it takes over: it closes the file when the
// ticket was used or has expired, and when an error is returned.
func (b *Broker) Give(file *os.File) ([]byte, error) {
	t, err := b.issue(&handout{file: file, over: func() { file.Close() }})
	if err != nil {
		file.Close()
	}
	return t, err
}

// Lend returns a ticket for file, which stays the caller's. over is called once, from
// another goroutine, when the ticket has expired unused, when the connection that used
// it has ended, or when that connection uses its next ticket. With an error, over is
// not called.
func (b *Broker) Lend(file *os.File, over func()) ([]byte, error) {
	return b.issue(&handout{file: file, lent: true, over: over})
}

func (b *Broker) issue(h *handout) ([]byte, error) {
	var t ticket
	rand.Read(t[:]) // never fails (crypto/rand)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return nil, errClosed
	case len(b.waiting) >= maxOutstanding:
		return nil, ErrBusy
	}
	b.waiting[t] = h
	h.expiry = time.AfterFunc(b.lifetime, func() {
		if _, ok := b.redeem(t); ok {
			h.over()
		}
	})
	return t[:], nil
}

// redeem takes the handout that t stands for. Only one caller gets it.
func (b *Broker) redeem(t ticket) (*handout, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h, ok := b.waiting[t]
	if ok {
		delete(b.waiting, t)
		h.expiry.Stop()
	}
	return h, ok
}

// shut ends all sessions and takes what still waits for its ticket.
func (b *Broker) shut() {
	b.mu.Lock()
	b.closed = true
	waiting := b.waiting
	b.waiting = map[ticket]*handout{}
	for s := range b.sessions {
		s.conn.Close()
	}
	b.mu.Unlock()
	for _, h := range waiting {
		h.expiry.Stop()
		h.over()
	}
	b.serving.Wait()
}
