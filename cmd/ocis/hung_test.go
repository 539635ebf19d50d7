package main

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

func TestNoCommandWaitsForARuntimeThatHangs(t *testing.T) {
	server := ocistest.Start(t)
	server.Signal(syscall.SIGSTOP)
	defer server.Signal(syscall.SIGCONT)
	var asking sync.WaitGroup
	for _, line := range []string{"list", "status web", "tree", "events -f", "logs", "restart web", "crash web"} {
		asking.Go(func() {
			_, stderr, code := server.Ocis(strings.Fields(line)...)
			if code != 1 || !strings.Contains(stderr, "has not answered for 5s") || strings.Count(stderr, "\n") != 1 {
				t.Errorf("ocis %s: %d %s", line, code, stderr)
			}
		})
	}
	asking.Wait()
	if stdout, _, _ := server.Ocis("doctor"); !strings.Contains(stdout, fmt.Sprintf("process %d", server.Pid())) {
		t.Errorf("doctor says\n%s", stdout)
	}
}
