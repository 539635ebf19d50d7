package plugins

import (
	"context"
	"errors"
	"io"
	"net"
	"net/rpc"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
)

// bound is how long a test waits for what must happen.
const bound = 30 * time.Second

// hosted is a service in this process, with its exit code instead of an exit.
type hosted struct {
	*host
	code chan int
}

func hostService(t *testing.T, grace time.Duration, s Service) hosted {
	t.Helper()
	s.Log = logrus.New()
	s.Log.SetOutput(io.Discard)
	h := hosted{code: make(chan int, 2)} // two, to see a second exit
	h.host = newHost(s, childOf(s, grace), func() {}, func(code int) { h.code <- code })
	h.connected()
	t.Cleanup(func() { h.cancel(); <-h.ended; h.orphaned.Stop() })
	return h
}

func childOf(s Service, grace time.Duration) *Child {
	return newChild(s, Launch{Instance: s.Name + "-1", Incarnation: "x", OrphanGrace: grace}, true, nil)
}

func (h hosted) exitCode(t *testing.T) int {
	t.Helper()
	select {
	case code := <-h.code:
		return code
	case <-time.After(bound):
		t.Fatal("the process did not end")
		return -1
	}
}

// untilAsked is a Run that drains at once.
func untilAsked(ctx context.Context, _ *Child) error {
	<-ctx.Done()
	return nil
}

func TestTheExitCodeSaysHowRunEnded(t *testing.T) {
	failure := errors.New("out of luck")
	for name, test := range map[string]struct {
		run   func(context.Context, *Child) error
		asked bool
		want  int
	}{
		"asked, and drained":        {untilAsked, true, ExitDrained},
		"asked, and failed":         {func(ctx context.Context, _ *Child) error { <-ctx.Done(); return failure }, true, ExitLate},
		"not asked, and failed":     {func(context.Context, *Child) error { return failure }, false, ExitCrashed},
		"not asked, and just ended": {func(context.Context, *Child) error { return nil }, false, ExitCrashed},
	} {
		t.Run(name, func(t *testing.T) {
			h := hostService(t, time.Hour, Service{Declaration: Declaration{Name: "a"}, Run: test.run})
			if test.asked {
				h.drain(bound)
			}
			if got := h.exitCode(t); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func TestADrainThatTakesTooLongIsCutOff(t *testing.T) {
	release := make(chan struct{})
	h := hostService(t, time.Hour, Service{Declaration: Declaration{Name: "a"}, Run: func(context.Context, *Child) error {
		<-release
		return nil
	}})
	defer close(release)
	h.drain(time.Millisecond)
	if got := h.exitCode(t); got != ExitLate {
		t.Errorf("got %d", got)
	}
}

func TestAnOrphanDrains(t *testing.T) {
	h := hostService(t, time.Millisecond, Service{Declaration: Declaration{Name: "a"}, Run: untilAsked})
	if got := h.exitCode(t); got != ExitDrained {
		t.Errorf("got %d", got)
	}
}

func TestWithoutASingleWordOfASupervisorItEndsBeforeItBegins(t *testing.T) {
	s := Service{Declaration: Declaration{Name: "a"}, Log: logrus.New(), Run: func(context.Context, *Child) error {
		t.Error("the service began")
		return nil
	}}
	s.Log.SetOutput(io.Discard)
	h := hosted{code: make(chan int, 2)}
	h.host = newHost(s, childOf(s, time.Millisecond), func() {}, func(code int) { h.code <- code })
	if got := h.exitCode(t); got != ExitDrained {
		t.Errorf("got %d", got)
	}
	h.connected() // too late
}

func TestReadinessIsTold(t *testing.T) {
	node := Registration{Service: "a", NodeID: "a-1", Address: "unix:/a"}
	h := hostService(t, time.Hour, Service{Declaration: Declaration{Name: "a"}, Run: func(ctx context.Context, child *Child) error {
		child.Ready(node)
		child.Ready() // has no effect
		return untilAsked(ctx, child)
	}})
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	nodes, err := h.waitReady(ctx)
	if err != nil || len(nodes) != 1 || nodes[0].Address != node.Address {
		t.Errorf("%v %v", nodes, err)
	}
}

func TestWaitingForReadinessEnds(t *testing.T) {
	h := hostService(t, time.Hour, Service{Declaration: Declaration{Name: "a"}, Run: untilAsked})
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := h.waitReady(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("too early: %v", err)
	}
	h.drain(bound)
	h.exitCode(t)
	long, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	if _, err := h.waitReady(long); !errors.Is(err, errEnded) {
		t.Errorf("after its end: %v", err)
	}
}

func TestHealthIsTheServicesOwnOpinionUntilItDrains(t *testing.T) {
	ill := errors.New("ill")
	h := hostService(t, time.Hour, Service{
		Declaration: Declaration{Name: "a"}, Run: untilAsked,
		Health: func(context.Context) error { return ill },
	})
	if err := h.health(t.Context()); !errors.Is(err, ill) {
		t.Errorf("got %v", err)
	}
	h.drain(bound)
	if err := h.health(t.Context()); err != nil {
		t.Errorf("while it drains: %v", err)
	}
}

func TestACallEndsWithItsContextWhenNobodyAnswers(t *testing.T) {
	ours, theirs := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, theirs) }() // hears everything, says nothing; ends with ours
	remote := &Remote{client: rpc.NewClient(ours)}
	defer remote.client.Close()
	for name, ask := range map[string]func(context.Context) error{
		"Describe":  func(ctx context.Context) error { _, err := remote.Describe(ctx); return err },
		"WaitReady": func(ctx context.Context) error { _, err := remote.WaitReady(ctx); return err },
		"Health":    func(ctx context.Context) error { _, err := remote.Health(ctx); return err },
		"Shutdown":  func(ctx context.Context) error { return remote.Shutdown(ctx, time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if err := ask(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// dial connects a supervisor's end to the service. hangUp breaks the connection.
func (h hosted) dial(t *testing.T) (remote *Remote, hangUp func()) {
	t.Helper()
	server := rpc.NewServer()
	if err := server.RegisterName("Plugin", &contract{host: h.host}); err != nil { // the name is go-plugin's
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	go server.ServeConn(theirs) // ends with ours
	client := rpc.NewClient(ours)
	t.Cleanup(func() { client.Close() })
	return &Remote{client: client}, func() { theirs.Close() }
}

func TestAServiceThatCannotSayInTimeHowItIsIsUnhealthyAndNotHung(t *testing.T) {
	h := hostService(t, time.Hour, Service{
		Declaration: Declaration{Name: "a"}, Run: untilAsked,
		Health: func(ctx context.Context) error {
			<-ctx.Done()
			return errors.New("still thinking")
		},
	})
	remote, _ := h.dial(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if reply, err := remote.Health(ctx); err != nil || reply.Healthy || reply.Message != "still thinking" {
		t.Errorf("%+v %v", reply, err)
	}
}

func TestABrokenConnectionIsToldFromNoAnswerAndFromABadOne(t *testing.T) {
	h := hostService(t, time.Hour, Service{Declaration: Declaration{Name: "a"}, Run: untilAsked})
	remote, hangUp := h.dial(t)
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	h.drain(bound)
	h.exitCode(t)
	if _, err := remote.WaitReady(ctx); err == nil || errors.Is(err, ErrDisconnected) {
		t.Errorf("a child that says no: %v", err)
	}
	hangUp()
	if _, err := remote.Health(ctx); !errors.Is(err, ErrDisconnected) {
		t.Errorf("after the connection broke: %v", err)
	}
}

func TestTheCallsOfTheContractArriveAndAnswer(t *testing.T) {
	h := hostService(t, time.Hour, Service{
		Declaration: Declaration{Name: "a", Version: "1.2.3"},
		Run: func(ctx context.Context, child *Child) error {
			child.Ready(Registration{Service: "a"})
			return untilAsked(ctx, child)
		},
		Health: func(context.Context) error { return errors.New("ill") },
	})
	remote, hangUp := h.dial(t)
	defer hangUp()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()

	if d, err := remote.Describe(ctx); err != nil || d.Service != "a" || d.Version != "1.2.3" || d.Instance != "a-1" || d.Incarnation != "x" || d.Protocol != ProtocolVersion {
		t.Errorf("Describe: %+v %v", d, err)
	}
	if nodes, err := remote.WaitReady(ctx); err != nil || len(nodes) != 1 {
		t.Errorf("WaitReady: %v %v", nodes, err)
	}
	if reply, err := remote.Health(ctx); err != nil || reply.Healthy || reply.Message != "ill" {
		t.Errorf("Health: %+v %v", reply, err)
	}
	if err := remote.Shutdown(ctx, bound); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if got := h.exitCode(t); got != ExitDrained {
		t.Errorf("it ended with code %d", got)
	}
}

func TestAServiceKnowsWhenItMustHaveDrained(t *testing.T) {
	told := make(chan time.Duration, 2)
	h := hostService(t, time.Hour, Service{Declaration: Declaration{Name: "a", StopGrace: time.Hour}, Run: func(ctx context.Context, child *Child) error {
		told <- time.Until(child.DrainBy())
		<-ctx.Done()
		told <- time.Until(child.DrainBy())
		return nil
	}})
	if left := <-told; left < 59*time.Minute || left > time.Hour {
		t.Errorf("before it was asked it has %s", left)
	}
	h.drain(bound)
	if left := <-told; left <= 0 || left > bound {
		t.Errorf("asked to drain within %s it has %s", bound, left)
	}
}
