package escape

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"github.com/owncloud/ocis-runtime/supervisor/process"
)

// startVictims starts processes that sleep, with a secret in their environment and one
// open as descriptor 0. One is looked into, two are killed.
func (t *Targets) startVictims() error {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		return nil // in an image without programs; those attempts are not applicable
	}
	for _, victim := range []*Victim{&t.Victim, &t.Doomed, &t.DoomedByPidfd} {
		if err := t.startVictim(sleep, victim); err != nil {
			return err
		}
	}
	return nil
}

func (t *Targets) startVictim(sleep string, victim *Victim) error {
	secret, err := os.Open(t.path(secretFile))
	if err != nil {
		return err
	}
	defer secret.Close()
	command := exec.Command(sleep, "900")
	command.Stdin = secret
	command.Env = []string{secretVariable + "=" + t.Token}
	command.Dir = t.Dir
	if err := command.Start(); err != nil {
		return fmt.Errorf("start a victim: %w", err)
	}
	ended := make(chan struct{})
	t.outside.victims = append(t.outside.victims, command)
	t.outside.ended[command.Process.Pid] = ended
	t.outside.work.Go(func() {
		_ = command.Wait() // it is killed, sooner or later
		close(ended)
	})
	identity, err := process.Identify(command.Process.Pid)
	if err != nil {
		return err
	}
	*victim = Victim{Pid: identity.Pid, Start: identity.Start, Environment: environmentOf(identity.Pid)}
	return nil
}

// environmentOf returns where a process has its environment in memory: field 50 of
// proc_pid_stat(5), 0 if it may not be known.
func environmentOf(pid int) uint64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:]) // the first is field 3
	if len(fields) < 48 {
		return 0
	}
	address, _ := strconv.ParseUint(string(fields[47]), 10, 64)
	return address
}

// present tells whether the victim's number means the victim here, too, or says why not.
// In a pid namespace of its own the same number may be one of the suite's own processes.
func (v Victim) present(t *Targets) (outcome, bool) {
	if v.Pid == 0 {
		return notApplicable("there is no victim: this machine has no program \"sleep\""), false
	}
	if t.ambiguous(v.Pid) {
		return notApplicable("the victim's number %d belongs to another process in here", v.Pid), false
	}
	return outcome{}, true
}

func (t *Targets) ambiguous(pid int) bool {
	return t.Inside && (pid == os.Getpid() || pid == os.Getppid() || pid == 1)
}

// killed tells whether a victim is gone.
func killed(victim func(*Targets) Victim) func(*Targets) bool {
	return func(t *Targets) bool {
		ended, ok := t.outside.ended[victim(t).Pid]
		if !ok {
			return false
		}
		select {
		case <-ended:
			return true
		default:
			return false
		}
	}
}
