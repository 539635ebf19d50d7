package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"
)

// steadyRate is how many new connections a steady load makes each second.
const steadyRate = 200

// A steady load makes a request on a new connection every few milliseconds, whatever has
// become of the ones before. Nothing is repeated.
type steady struct {
	endpoint endpoint
	cancel   context.CancelFunc
	running  sync.WaitGroup

	mu       sync.Mutex
	attempts []attempt
}

// An attempt is one request of a steady load.
type attempt struct {
	method       string
	began, ended time.Time
	err          error // nil: the answer that was wanted
}

func (a attempt) safe() bool { return a.method == "GET" || a.method == "PROPFIND" }

func (a attempt) refused() bool { return errors.Is(a.err, syscall.ECONNREFUSED) }

// span is the time from a signal to the end of the process that got it.
type span struct{ from, to time.Time }

// during tells whether it was under way in one of these spans.
func (a attempt) during(spans []span) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return !s.to.Before(a.began) && !s.from.After(a.ended) })
}

// startSteady prepares a file to read, and begins.
func startSteady(ctx context.Context, e endpoint) (*steady, error) {
	c, err := e.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer c.close()
	for _, r := range []request{mkcol("steady/"), put("steady/read", small, fileSize)} {
		if _, err := c.do(r); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &steady{endpoint: e, cancel: cancel}
	s.running.Go(func() { s.run(ctx) })
	return s, nil
}

func (s *steady) run(ctx context.Context) {
	ticker := time.NewTicker(time.Second / steadyRate)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.running.Go(func() { s.try(steadyRequest(n)) })
	}
}

// steadyRequest is what the n-th connection asks for: half of all read, a quarter write.
func steadyRequest(n int) request {
	switch n % 4 {
	case 0:
		return request{method: "GET", path: "steady/read", want: http.StatusOK}
	case 1:
		return propfind("steady/read", "0")
	case 2:
		return put(fmt.Sprintf("steady/written%d", n), small, fileSize)
	default:
		return propfind("steady/", "0")
	}
}

// try makes one attempt; it is bounded by the timeouts of the connection.
func (s *steady) try(r request) {
	a := attempt{method: r.method, began: time.Now()}
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	c, err := s.endpoint.connect(ctx)
	if err == nil {
		_, _, err = c.exchange(r)
		c.close()
	}
	a.ended, a.err = time.Now(), err
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts = append(s.attempts, a)
}

// stop ends the load and returns what became of all its requests.
func (s *steady) stop() []attempt {
	s.cancel()
	s.running.Wait()
	return s.attempts
}

// count returns how many attempts fulfil all conditions.
func count(attempts []attempt, conditions ...func(attempt) bool) float64 {
	n := 0
	for _, a := range attempts {
		if !slices.ContainsFunc(conditions, func(is func(attempt) bool) bool { return !is(a) }) {
			n++
		}
	}
	return float64(n)
}

func failed(a attempt) bool { return a.err != nil }

func not(condition func(attempt) bool) func(attempt) bool {
	return func(a attempt) bool { return !condition(a) }
}

// firstFailure describes one of the failures, for people.
func firstFailure(attempts []attempt) string {
	for _, a := range attempts {
		if a.err != nil {
			return fmt.Sprintf("; %s: %v", a.method, a.err)
		}
	}
	return ""
}
