package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

// newRclone returns rclone with a remote "cloud:" that is the admin's files.
func newRclone(t *testing.T, server *ocistest.Server) *realClient {
	t.Helper()
	client := newRealClient(t, "rclone", "rclone")
	client.env = []string{
		"RCLONE_CONFIG=" + filepath.Join(client.home, "rclone.conf"),
		"RCLONE_CONFIG_CLOUD_TYPE=webdav",
		"RCLONE_CONFIG_CLOUD_VENDOR=owncloud",
		"RCLONE_CONFIG_CLOUD_URL=" + server.URL("/remote.php/webdav/"),
		"RCLONE_CONFIG_CLOUD_USER=" + "admin",
		"RCLONE_NO_CHECK_CERTIFICATE=true",
	}
	obscure := client.command("obscure", "-")
	obscure.Stdin = strings.NewReader(ocistest.Password)
	obscured, err := obscure.Output()
	if err != nil {
		t.Fatal("rclone obscure:", err)
	}
	client.env = append(client.env, "RCLONE_CONFIG_CLOUD_PASS="+strings.TrimSpace(string(obscured)))
	return client
}

func TestRcloneSyncsATreeWithHardNamesAndFindsNoDifference(t *testing.T) {
	requireClient(t, "rclone", "rclone")
	server := ocistest.Start(t)
	rclone := newRclone(t, server)
	local := filepath.Join(t.TempDir(), "local")
	writeTree(t, local, 1, 300, hardNames, 1<<20, 9<<20, 33<<20)

	rclone.run("sync", local, "cloud:tree", "--transfers=8", "--retries=1")
	rclone.run("check", local, "cloud:tree", "--checkers=8")
	rclone.run("check", "--download", local, "cloud:tree", "--checkers=8")

	// A second sync has nothing to do: sizes, times and hashes are as they were sent.
	again := rclone.run("sync", local, "cloud:tree", "-v", "--stats-one-line")
	if strings.Contains(again, "Copied (") || strings.Contains(again, "Deleted") {
		t.Errorf("the second sync changed something:\n%s", again)
	}

	// What moves and what goes away here does so there.
	rclone.run("moveto", "cloud:tree/larger 0", "cloud:tree/moved/larger ä")
	rclone.run("sync", local, "cloud:tree", "--track-renames", "--retries=1")
	rclone.run("check", local, "cloud:tree", "--checkers=8")

	down := filepath.Join(t.TempDir(), "down")
	rclone.run("copy", "cloud:tree", down, "--transfers=8", "--retries=1", "--create-empty-src-dirs")
	assertSameContents(t, "after copying it back", local, down, everything)
	rclone.run("purge", "cloud:tree")
}

func TestRcloneCopyLosesNothingWhileEveryServiceIsKilled(t *testing.T) {
	requireClient(t, "rclone", "rclone")
	server := ocistest.Start(t)
	rclone := newRclone(t, server)
	local := filepath.Join(t.TempDir(), "local")
	writeTree(t, local, 2, 300, hardNames[:6], 2<<20, 2<<20, 5<<20)

	// Slow enough to be running until the last service is killed.
	copying := rclone.command("copy", local, "cloud:tree", "--transfers=4", "--tpslimit=60",
		"--retries=20", "--retries-sleep=100ms", "--low-level-retries=20", "--stats=0")
	var output bytes.Buffer
	copying.Stdout, copying.Stderr = &output, &output
	if err := copying.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- copying.Wait() }()

	for _, service := range family {
		killOnly(t, server, service.name)
		select {
		case err := <-done:
			t.Fatalf("rclone ended before all services were killed, last %s: %v\n%s", service.name, err, &output)
		default:
		}
	}
	select {
	case err := <-done:
		if err != nil {
			t.Fatalf("rclone copy: %v\n%s", err, &output)
		}
	case <-time.After(rclone.timeout):
		t.Fatal("rclone copy does not end")
	}
	rclone.run("check", "--download", local, "cloud:tree", "--checkers=8")
}
