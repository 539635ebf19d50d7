package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// startPatience bounds a start of the whole stack.
const startPatience = 60 * time.Second

// davRoot is where the proxy offers the files of the user who asks.
const davRoot = "/remote.php/webdav/"

// A stack is a running `ocis server` with its data below dir.
type stack struct {
	server
	dir    string
	binary string
	extra  []string          // settings that are not the defaults
	took   time.Duration     // from the exec to the first successful PROPFIND
	hits   map[string][]span // when which service was killed
}

// startStack runs `ocis server` with its data in dir, which it makes when there is
// none, and returns when a PROPFIND through the proxy succeeds.
// extra are settings, as in an environment.
func startStack(ctx context.Context, binary, dir string, extra ...string) (*stack, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	s := &stack{dir: dir, binary: binary, extra: extra}
	s.endpoint = endpoint{addr: addr, root: davRoot, user: "admin", pass: "bench-" + filepath.Base(dir)}
	s.process, err = startProcess(s.command("server"), filepath.Join(dir, "output"))
	if err != nil {
		return nil, err
	}
	err = s.until(ctx, startPatience, func(ctx context.Context) error { return propfindOnce(ctx, s.endpoint) })
	s.took = time.Since(s.began)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s server: %w", binary, err), s.stop())
	}
	return s, nil
}

// command is an ocis command that works on the stack's data.
func (s *stack) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.binary, args...)
	cmd.Env = append(append(cleanEnvironment(), s.extra...),
		"OCIS_BASE_DATA_PATH="+s.dir,
		"PROXY_HTTP_ADDR="+s.endpoint.addr,
		"IDM_ADMIN_PASSWORD="+s.endpoint.pass,
		"OCIS_LOG_PRETTY=false",
	)
	return cmd
}

// cleanEnvironment is the environment without settings of ocis: bench measures the defaults.
func cleanEnvironment() []string {
	var environment []string
	for _, entry := range os.Environ() {
		ours := false
		for _, prefix := range []string{"OCIS_", "PROXY_", "IDM_", "STORAGE_", "USERS_", "WEBDAV_", "FRONTEND_", "NATS_", "WEB_", "NOTIFY_SOCKET", "WATCHDOG_"} {
			ours = ours || strings.HasPrefix(entry, prefix)
		}
		if !ours {
			environment = append(environment, entry)
		}
	}
	return environment
}
