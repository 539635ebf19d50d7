package escape

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// secretVariable is planted in the environment of the process that prepares and of the
// victims. It must not arrive in a sandbox.
const secretVariable = "OCIS_ESCAPE_SECRET"

// outside is what belongs to the process that prepared the targets.
type outside struct {
	cancel    context.CancelFunc // ends the dialling of BindPort
	work      sync.WaitGroup
	listeners []*listener
	victims   []*exec.Cmd
	ended     map[int]chan struct{} // by pid; closed once the victim is reaped
	leak      int                   // a descriptor that a careless supervisor would pass on; -1: none
	setBefore bool                  // the secret variable is in the environment
}

// Prepare plants what the attempts aim at: files in a new folder below dir, which is made
// when it is missing and stays; links in own, the folder that the sandboxed service may
// write, which may be ""; sockets on loopback; processes that sleep and end by themselves
// after 15 minutes; queues of the kernel. It blocks for some milliseconds. What this
// machine refuses to give is left out, and the attempts that need it say so. The caller
// closes the targets.
//
// It sets a variable in this process's environment and holds a descriptor that a child
// inherits, as a careless supervisor would: start nothing else meanwhile.
func Prepare(dir string, own string) (*Targets, error) {
	token := make([]byte, 4)
	if _, err := rand.Read(token); err != nil {
		return nil, fmt.Errorf("make a token for the escape suite: %w", err)
	}
	t := &Targets{Own: own, Token: hex.EncodeToString(token), Supervisor: os.Getpid(), SharedMemory: -1, MessageQueue: -1}
	t.Dir = filepath.Join(dir, "escape-"+t.Token) // short: paths of sockets are
	t.outside = &outside{leak: -1, cancel: func() {}, ended: map[int]chan struct{}{}}
	for _, step := range []func() error{
		t.plantFiles, t.plantLinks, t.plantLeaks, t.listen, t.startVictims, t.makeQueues, t.lookAround,
	} {
		if err := step(); err != nil {
			return nil, errors.Join(fmt.Errorf("prepare the escape suite: %w", err), t.Close())
		}
	}
	return t, nil
}

// Planted files, below Dir.
const (
	secretFile    = "secret"
	configFile    = "config/ocis.yaml"
	otherFile     = "other-service/data"
	deletableFile = "other-service/deletable"
)

func (t *Targets) path(name string) string { return filepath.Join(t.Dir, name) }

func (t *Targets) plantFiles() error {
	for _, name := range []string{secretFile, configFile, otherFile, deletableFile} {
		path := t.path(name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte("secret: "+t.Token+"\n"), 0o600); err != nil {
			return err
		}
	}
	// Without a handle, because the file system has none, that attempt is not applicable.
	if handle, _, err := unix.NameToHandleAt(unix.AT_FDCWD, t.path(secretFile), 0); err == nil {
		t.SecretHandle = Handle{Type: handle.Type(), Bytes: handle.Bytes()}
	}
	return nil
}

// Links are planted as somebody would who may write the service's folder, which the
// service itself may: they lead out of it.
func (t *Targets) linkToSecret() string { return filepath.Join(t.Own, t.name("link")) }
func (t *Targets) linkToFolder() string { return filepath.Join(t.Own, t.name("folder")) }

func (t *Targets) plantLinks() error {
	if t.Own == "" {
		return nil
	}
	if err := os.Symlink(t.path(secretFile), t.linkToSecret()); err != nil {
		return err
	}
	return os.Symlink(t.Dir, t.linkToFolder())
}

// plantLeaks opens the folder of the secrets without O_CLOEXEC, and names a secret in the
// environment.
func (t *Targets) plantLeaks() error {
	fd, err := unix.Open(t.Dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", t.Dir, err)
	}
	t.outside.leak = fd
	t.outside.setBefore = true
	return os.Setenv(secretVariable, t.Token)
}
