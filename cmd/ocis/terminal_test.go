package main

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

// The reader of a pipe goes first when Ctrl-C hits `ocis server | tee log`.
func TestALostReaderOfTheOutputDoesNotKillTheRuntime(t *testing.T) {
	site := ocistest.NewSite(t)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	server := site.LaunchWith(func(command *exec.Cmd) { command.Stdout, command.Stderr = writer, writer })
	reader.Close()
	server.AwaitReady()
	server.Signal(syscall.SIGINT)
	if code := server.Wait(); code != 0 {
		t.Errorf("it ended with code %d", code)
	}
}
