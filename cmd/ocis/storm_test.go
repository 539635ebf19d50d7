package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// storm hits every service at random, the same way for the same seed, until it is over.
type storm struct {
	t      *testing.T
	ended  chan error
	output bytes.Buffer
}

func startStorm(t *testing.T, server *ocistest.Server, seed string, during time.Duration) *storm {
	t.Helper()
	s := &storm{t: t, ended: make(chan error, 1)}
	command := server.Command("chaos", "--signals", "KILL,STOP,TERM", "--every", "400ms", "--for", during.String(), "--seed", seed)
	command.Stdout, command.Stderr = &s.output, &s.output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(during+ocistest.Patience, func() { _ = command.Process.Kill() })
	go func() {
		s.ended <- command.Wait()
		watchdog.Stop()
	}()
	t.Cleanup(func() { s.await() })
	return s
}

func (s *storm) isOver() bool { return len(s.ended) > 0 }

// await waits for the end, at which everything has recovered.
func (s *storm) await() {
	s.t.Helper()
	err := <-s.ended
	s.ended <- err
	if err != nil {
		s.t.Errorf("chaos: %v\n%s", err, &s.output)
	}
}

func TestRcloneAndOwnCloudSyncThroughAStormOfKills(t *testing.T) {
	requireClient(t, "rclone", "rclone")
	requireClient(t, "owncloudcmd", "owncloud-client-cmd")
	server := chaosSite(t)
	rclone, desktop, laptop := newRclone(t, server), newDevice(t, server, "desktop"), newDevice(t, server, "laptop")
	local := filepath.Join(t.TempDir(), "local")
	writeTree(t, local, 5, 60, hardNames[:6], 2<<20, 3<<20)
	writeTree(t, desktop.path("desk"), 6, 60, namesWithout(hardNames[:6], `\:*?"<>|`), 300<<10, 2<<20)

	kills := startStorm(t, server, "11", 20*time.Second)
	var syncing sync.WaitGroup
	syncing.Go(func() {
		for round := 0; !kills.isOver(); round++ {
			writeFile(t, filepath.Join(local, "changing"), fmt.Append(nil, "round ", round), round)
			_ = rclone.command("sync", local, "cloud:tree", "--retries=3", "--retries-sleep=100ms", "--low-level-retries=5").Run()
		}
	})
	syncing.Go(func() {
		for round := 0; !kills.isOver(); round++ {
			desktop.write("desk/changing.txt", fmt.Sprint("round ", round), round)
			_ = desktop.command(desktop.args()...).Run()
			_ = laptop.command(laptop.args()...).Run()
		}
	})
	syncing.Wait()
	kills.await()
	if t.Failed() {
		return
	}
	nothingIsStopped(t, server)

	// Nobody hits any more: now nothing may fail, and each byte is where it belongs.
	rclone.run("sync", local, "cloud:tree", "--retries=1")
	down := filepath.Join(t.TempDir(), "down")
	rclone.run("copy", "cloud:tree", down, "--retries=1", "--create-empty-src-dirs")
	assertSameContents(t, "what rclone copied back", local, down, everything)
	desktop.sync()
	laptop.sync()
	desktop.sync()
	assertSameContents(t, "the two devices", desktop.folder, laptop.folder, synced)
	assertSameContents(t, "what rclone brought to the devices", local, desktop.path("tree"), synced)
	if copies, err := filepath.Glob(desktop.path("desk/*conflict*")); err != nil || len(copies) > 0 {
		t.Errorf("a conflict with nobody: %q, %v", copies, err)
	}
	t.Logf("%s", &kills.output)
}

// asking is a load of safe requests that counts what fails.
type asking struct {
	asked, failed, refused atomic.Int64
	done                   atomic.Bool
	workers                sync.WaitGroup
}

// ask begins the load; fresh: each request on a connection of its own.
func ask(t *testing.T, server *ocistest.Server, workers int, fresh bool) *asking {
	t.Helper()
	a := &asking{}
	for range workers {
		browser := ocistest.Client(t)
		browser.Transport.(*http.Transport).DisableKeepAlives = fresh
		a.workers.Go(func() {
			for !a.done.Load() {
				a.asked.Add(1)
				status, body, err := server.Try(browser, "GET", home+"/file", "")
				if err != nil || status != http.StatusOK || body != "content" {
					a.failed.Add(1)
					t.Logf("%d %.200s %v", status, body, err)
				}
				if errors.Is(err, syscall.ECONNREFUSED) {
					a.refused.Add(1)
				}
			}
		})
	}
	return a
}

func (a *asking) end() {
	a.done.Store(true)
	a.workers.Wait()
}

// withFile starts a server with the file that is asked for.
func withFile(t *testing.T, environ ...string) *ocistest.Server {
	t.Helper()
	server := ocistest.Start(t, environ...)
	if status, body := server.Do("PUT", home+"/file", "content"); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	return server
}

func TestAnyTwoServicesMayDieAtOnce(t *testing.T) {
	server := withFile(t, forgiving)
	var withoutProxy, withProxy [][2]string
	for n, first := range family {
		for _, second := range family[:n] {
			if first.name == "proxy" || second.name == "proxy" {
				withProxy = append(withProxy, [2]string{first.name, second.name})
			} else {
				withoutProxy = append(withoutProxy, [2]string{first.name, second.name})
			}
		}
	}
	a := ask(t, server, 3, true)
	for _, two := range withoutProxy {
		killAtOnce(t, server, two[0], two[1])
	}
	a.end()
	if a.failed.Load() != 0 {
		t.Errorf("%d of %d requests failed", a.failed.Load(), a.asked.Load())
	}
	a = ask(t, server, 3, true)
	for _, two := range withProxy { // what was inside the proxy is lost
		killAtOnce(t, server, two[0], two[1])
	}
	a.end()
	if a.refused.Load() != 0 {
		t.Errorf("%d of %d connections were refused", a.refused.Load(), a.asked.Load())
	}
}

// killAtOnce kills services, and waits until all of them are replaced.
func killAtOnce(t *testing.T, server *ocistest.Server, services ...string) {
	t.Helper()
	before := server.List()
	for _, service := range services {
		if err := syscall.Kill(before[service].Pid, syscall.SIGKILL); err != nil {
			t.Fatalf("kill %s: %v", service, err)
		}
	}
	server.Await(strings.Join(services, " and ")+" are replaced", func(list map[string]client.Instance) bool {
		for _, service := range services {
			if now := list[service]; now.Status != client.StatusReady || now.Incarnation == before[service].Incarnation {
				return false
			}
		}
		return true
	})
}

// The connection to a NATS that hangs is open, which is worse than one that is gone.
func TestNobodyNoticesThatNATSHangsForTenSeconds(t *testing.T) {
	server := withFile(t, "OCIS_HEALTH_TIMEOUT=30s", forgiving)
	nats := server.List()["nats"]
	if err := syscall.Kill(nats.Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	over := time.After(10 * time.Second)
	a := ask(t, server, 2, true)
	writer := ocistest.Client(t)
	for n, hanging := 0, true; hanging; n++ {
		path := fmt.Sprintf("%s/written-%d", home, n)
		if status, body, err := server.Try(writer, "PUT", path, path); err != nil || status != http.StatusCreated {
			t.Errorf("%s: %d %s %v", path, status, body, err)
		}
		switch n {
		case 10, 20, 30:
			server.KillHard([]string{"webdav", "frontend", "web"}[n/10-1])
		}
		select {
		case <-over:
			hanging = false
		default:
		}
	}
	if err := syscall.Kill(nats.Pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	server.KillHard("storage")
	a.end()
	if a.failed.Load() != 0 {
		t.Errorf("%d of %d requests failed", a.failed.Load(), a.asked.Load())
	}
	if now := server.List()["nats"]; now.Pid != nats.Pid {
		t.Errorf("NATS was replaced: %+v", now)
	}
}

// hitEach kills the process of each service once, as soon as it is in a state.
func hitEach(t *testing.T, server *ocistest.Server, status client.Status) (stop func() (hit []string)) {
	t.Helper()
	hits := map[string]bool{}
	hit := func(service string, is client.Status, pid int) {
		if is == status && pid != 0 && !hits[service] {
			hits[service] = syscall.Kill(pid, syscall.SIGKILL) == nil
		}
	}
	following := make(chan struct{})
	go func() {
		defer close(following)
		_ = server.Runtime().Events(t.Context(), 0, true, func(event client.Event) error { // ends with the runtime
			hit(event.Service, event.Status, event.Pid)
			instances, _ := server.Runtime().List(t.Context()) // a process that starts is in no event yet
			for _, i := range instances {
				hit(i.Service, i.Status, i.Pid)
			}
			return nil
		})
	}()
	return func() (hit []string) {
		select {
		case <-following:
		case <-time.After(ocistest.Patience):
			t.Fatal("the events do not end with the runtime")
		}
		for service, was := range hits {
			if was {
				hit = append(hit, service)
			}
		}
		return hit
	}
}

func TestEveryServiceMayDieWhileItStartsAndWhileItStops(t *testing.T) {
	for _, status := range []client.Status{client.StatusStarting, client.StatusStopping} {
		t.Run(string(status), func(t *testing.T) {
			server := ocistest.NewSite(t, forgiving, "OCIS_BACKOFF_FIRST=10ms").Launch()
			server.AwaitRuntime()
			hits := hitEach(t, server, status)
			server.Await("all are ready", func(list map[string]client.Instance) bool {
				for _, i := range list {
					if i.Status != client.StatusReady {
						return false
					}
				}
				return len(list) == len(family)
			})
			if status, body := server.Do("PUT", home+"/file", "content"); status != http.StatusCreated {
				t.Errorf("%d %s", status, body)
			}
			if code := server.Stop(); code != 0 {
				t.Errorf("it ended with code %d:\n%s", code, server.Output())
			}
			if hit := hits(); len(hit) == 0 {
				t.Error("nobody was hit")
			} else {
				t.Logf("hit: %v", hit)
			}
		})
	}
}

func TestAServiceMayDieWhileItIsRestarted(t *testing.T) {
	server := withFile(t, forgiving)
	a := ask(t, server, 2, true)
	for _, service := range []string{"webdav", "frontend", "storage", "users", "nats"} {
		before := server.List()[service]
		restarted := make(chan int, 1)
		go func() {
			_, _, code := server.Ocis("restart", service)
			restarted <- code
		}()
		if err := syscall.Kill(before.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
		<-restarted // whether it worked is a matter of luck
		server.Await(service+" is replaced", func(list map[string]client.Instance) bool {
			now := list[service]
			return now.Status == client.StatusReady && now.Incarnation != before.Incarnation
		})
	}
	a.end()
	if a.failed.Load() != 0 {
		t.Errorf("%d of %d requests failed", a.failed.Load(), a.asked.Load())
	}
}
