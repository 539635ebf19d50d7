package client

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

// answerTimeout is how long a runtime may take for what needs no waiting. A loaded one
// needs milliseconds.
const answerTimeout = 5 * time.Second

// HungError is returned when there is a runtime that does not answer: it is stopped, or it
// hangs.
type HungError struct {
	Socket string
	Waited time.Duration
}

// Error implements error.
func (e *HungError) Error() string {
	return fmt.Sprintf("the runtime at %s has not answered for %s: `ocis doctor` names its process; continue or kill it, then start `ocis server`",
		filepath.Dir(e.Socket), e.Waited)
}

func (c *Client) hung() error { return &HungError{Socket: c.socket, Waited: c.patience} }

// within returns a context that ends with a *HungError, unless enough is called in time.
// The caller calls cancel.
func (c *Client) within(ctx context.Context) (bounded context.Context, enough func(), cancel func()) {
	bounded, end := context.WithCancelCause(ctx)
	timer := time.AfterFunc(c.patience, func() { end(c.hung()) })
	return bounded, func() { timer.Stop() }, func() { timer.Stop(); end(nil) }
}

// whileAlive returns a context for a call that may rightly take long, such as waiting for a
// service to drain. It ends with a *HungError when the runtime does not answer meanwhile.
// The caller calls cancel.
func (c *Client) whileAlive(ctx context.Context) (alive context.Context, cancel func()) {
	alive, end := context.WithCancelCause(ctx)
	var asking sync.WaitGroup
	asking.Go(func() {
		ticker := time.NewTicker(c.patience)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-alive.Done():
				return
			}
			var hung *HungError
			if _, err := c.Tree(alive); errors.As(err, &hung) {
				end(hung)
			}
		}
	})
	return alive, func() { end(nil); asking.Wait() }
}

// unlessHung returns the *HungError that ended ctx, if that is why err came.
func unlessHung(ctx context.Context, err error) error {
	var hung *HungError
	if errors.As(context.Cause(ctx), &hung) {
		return hung
	}
	return err
}
