package plugins

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"github.com/owncloud/ocis-runtime/plugins/stray"
)

// Serve is all that a service's main needs. It runs s under the supervisor that
// started this process or, when there is none, in the foreground until SIGINT or
// SIGTERM. It does not return: the process exits with one of the Exit codes.
func Serve(s Service) {
	if Supervised() {
		serveSupervised(s)
		return
	}
	os.Exit(serveForeground(s))
}

func serveSupervised(s Service) {
	launch := launchFromEnvironment()
	inherited, err := inheritedListeners(launch.SocketNames)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(ExitCrashed)
	}
	child := newChild(s, launch, true, inherited)
	stray.CaptureLog(child.log)
	h := newHost(s, child, restoreStdio(os.Stdout, os.Stderr), exitOnce())
	stop := notifyTerminate(func() { h.drain(child.StopGrace()) })
	defer stop()
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: Handshake,
		Plugins:         h.pluginSet(),
		Logger:          hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: os.Stderr, JSONFormat: true}),
	})
	h.unreachable()
	select {} // the end of the service is the end of the process, with a code that says how
}

// exitOnce returns os.Exit behind a door that only the first comes through: draining
// and its deadline may end in the same moment.
func exitOnce() func(int) {
	var once sync.Once
	return func(code int) { once.Do(func() { os.Exit(code) }) }
}

// restoreStdio returns a function that undoes what go-plugin does to the standard
// streams. go-plugin replaces os.Stdout and os.Stderr by pipes that only a connected
// supervisor drains; a child that lost its supervisor would block on them. Descriptor
// 2 is the log file, and stdout has done its work after the handshake line, so both
// end up in the log.
func restoreStdio(stdout, stderr *os.File) func() {
	return func() {
		if err := redirect(stderr, stdout); err != nil {
			fmt.Fprintln(stderr, "cannot send stdout to the log:", err)
		}
		os.Stdout, os.Stderr = stdout, stderr
		// Only now: go-plugin checks the cookie itself. Programs that the service starts must not inherit it.
		os.Unsetenv(Handshake.MagicCookieKey)
	}
}

// notifyTerminate calls drain on the first SIGTERM; later ones have no effect. The
// returned function ends that.
func notifyTerminate(drain func()) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	stopFollowing := onFirst(signals, drain)
	return func() {
		signal.Stop(signals)
		stopFollowing()
	}
}

// onFirst calls do when the first signal comes. The returned function ends that, and
// waits for do if it was called.
func onFirst(signals <-chan os.Signal, do func()) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-signals:
			do()
		case <-done:
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

// serveForeground runs s without a supervisor. A second signal ends it at once.
func serveForeground(s Service) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	stop := onFirst(signals, func() {
		signal.Stop(signals) // before anybody hears of the first: the next has its default effect
		cancel()
	})
	defer stop()
	child := newChild(s, Launch{Instance: s.Name + "-1"}, false, map[string]net.Listener{})
	stray.CaptureLog(child.log)
	err := s.Run(ctx, child)
	if err != nil {
		child.log.WithError(err).Error("service ended")
	}
	return exitCode(err, ctx.Err() != nil)
}
