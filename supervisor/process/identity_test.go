//go:build linux

package process

import (
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAnIdentityIsOfOneProcessOnly(t *testing.T) {
	p := startShell(t, "echo ready; read forever")
	p.line()
	identity := p.Identity()
	again, err := Identify(p.Pid())
	if err != nil || again != identity || !identity.Alive() {
		t.Errorf("%+v, then %+v: %v", identity, again, err)
	}
	for name, change := range map[string]func(*Identity){
		"an earlier process with the pid": func(i *Identity) { i.Start-- },
		"a process of an earlier boot":    func(i *Identity) { i.Boot = "another" },
	} {
		stranger := identity
		change(&stranger)
		if stranger.Alive() {
			t.Errorf("%s is taken for this one", name)
		}
		if err := stranger.KillGroup(patience); err != nil || !identity.Alive() {
			t.Errorf("%s: the wrong process was killed: %v", name, err)
		}
	}
	if err := identity.KillGroup(patience); err != nil {
		t.Fatal(err)
	}
	if got := p.end(); got.Signal != syscall.SIGKILL {
		t.Errorf("it ended with %s", got)
	}
	if identity.Alive() {
		t.Error("it is alive after its end")
	}
}

func TestEveryProcessHasAnIdentityOfItsOwn(t *testing.T) {
	seen := map[Identity]bool{}
	for range 20 {
		p := startShell(t, "exit 0")
		p.end()
		if identity := p.Identity(); seen[identity] || identity.Start == 0 || identity.Boot == "" {
			t.Errorf("got %+v", identity)
		} else {
			seen[identity] = true
		}
	}
}

// Signals to the groups 0 and 1 reach everybody, so KillGroup itself is not tried here.
func TestWhatIsNotKnownAndInitCountAsGone(t *testing.T) {
	first, err := Identify(1)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := Identify(syscall.Getpid())
	if err != nil || !ours.Alive() {
		t.Fatalf("%+v is not alive: %v", ours, err)
	}
	for _, identity := range []Identity{first, {}, {Pid: ours.Pid, Boot: ours.Boot}, {Pid: -ours.Pid, Start: ours.Start, Boot: ours.Boot}} {
		if identity.Alive() {
			t.Errorf("%+v counts as alive", identity)
		}
	}
}

func TestTheWaitForAStrangersEndIsBounded(t *testing.T) {
	p := startShell(t, "echo ready; read forever")
	p.line()
	if err := p.Identity().waitGone(time.Millisecond); err == nil || !strings.Contains(err.Error(), "did not end within 1ms") {
		t.Errorf("got %v", err)
	}
}

// poll(2) ends with EINTR whatever the handler of the signal says (signal(7)), and the
// end of any child sends one: SIGCHLD.
func TestSignalsDoNotEndTheWaitForAStrangersEnd(t *testing.T) {
	p := startShell(t, "echo ready; read forever")
	p.line()
	thread, result := make(chan int), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and the thread ends with the goroutine
		thread <- unix.Gettid()
		result <- p.Identity().waitGone(patience)
	}()
	waiting := <-thread
	for range 20000 {
		if err := unix.Tgkill(unix.Getpid(), waiting, unix.SIGCHLD); err != nil {
			break // the wait is over
		}
		runtime.Gosched()
	}
	p.in.Close()
	if err := <-result; err != nil {
		t.Errorf("got %v", err)
	}
}

func TestUsageIsWhatTheKernelSays(t *testing.T) {
	p := startShell(t, "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; read forever")
	started := time.Now()
	p.line()
	usage, err := UsageOf(p.Pid(), true)
	if err != nil {
		t.Fatal(err)
	}
	if usage.RSSBytes < 100<<10 || usage.RSSBytes > 100<<20 || usage.PSSBytes == 0 || usage.PSSBytes > 2*usage.RSSBytes {
		t.Errorf("memory of a shell: %+v", usage)
	}
	wall := time.Since(started).Seconds() + 1 // the kernel counts in ticks, and it began a little earlier
	if usage.CPUSeconds <= 0 || usage.CPUSeconds > wall {
		t.Errorf("CPU of a busy shell: %+v in %.2f s", usage, wall)
	}
	if usage, err := UsageOf(p.Pid(), false); err != nil || usage.PSSBytes != 0 || usage.RSSBytes == 0 {
		t.Errorf("without PSS: %+v %v", usage, err)
	}
	if _, err := UsageOf(1<<22+1, false); err == nil { // above the highest pid (proc_sys_kernel(5))
		t.Error("a process that cannot be has usage")
	}
}

func TestTheStatLineIsReadWhateverTheProgramIsCalled(t *testing.T) {
	fields := " S 1 2 3 4 5 6 7 8 9 10 100 200 13 14 15 16 17 18 4242 20" + strings.Repeat(" 7", 26) + " 1000 1050 0"
	for name, line := range map[string]string{"plain": "1 (sh)", "parentheses": "1 (a) R (b))", "spaces": "1 (x y z)"} {
		got, err := parseStat([]byte(line + fields))
		if err != nil || got.cpuTicks != 300 || got.start != 4242 || got.parent != 1 || got.environStart != 1000 || got.environEnd != 1050 {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	for _, line := range []string{"", "1 (sh", "1 (sh) S 1", "1 (sh) S" + strings.Repeat(" x", 60)} {
		if _, err := parseStat([]byte(line)); err == nil {
			t.Errorf("%q is taken", line)
		}
	}
}
