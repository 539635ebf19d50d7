package child

import (
	"context"
	"syscall"
	"time"
)

// The bounds of the ladder's steps.
const (
	askTimeout  = 3 * time.Second // for an answer to Shutdown; a busy child may need what a hung one does not use
	termTimeout = 2 * time.Second // from SIGTERM to SIGKILL
)

// StopBound returns how long Stop takes at most with that grace, short of a process
// that the kernel cannot kill.
func StopBound(grace time.Duration) time.Duration { return askTimeout + grace + termTimeout }

// Stop ends the child: it asks it to drain within grace; then comes SIGTERM, then
// SIGKILL for the whole group. It returns when the process has ended, or at once
// after SIGKILL when ctx is done.
func (c *Child) Stop(ctx context.Context, grace time.Duration) {
	patience := grace
	if !c.ask(ctx, grace) {
		patience = 0 // it cannot be asked, so there is nothing to wait for
	}
	if c.endsWithin(ctx, patience) {
		return
	}
	_ = c.process.SignalGroup(syscall.SIGTERM) // gone is as good
	// A stopped process takes no SIGTERM; it would only cost the wait.
	_ = c.process.SignalGroup(syscall.SIGCONT)
	if c.endsWithin(ctx, termTimeout) {
		return
	}
	c.Kill()
}

// ask requests the drain and tells whether the child took the request.
func (c *Child) ask(ctx context.Context, grace time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	remote, err := c.connected(ctx)
	return err == nil && remote.Shutdown(ctx, grace) == nil
}

func (c *Child) endsWithin(ctx context.Context, bound time.Duration) bool {
	timer := time.NewTimer(bound)
	defer timer.Stop()
	select {
	case <-c.Done():
		return true
	case <-timer.C:
		return false
	case <-ctx.Done():
		return false
	}
}
