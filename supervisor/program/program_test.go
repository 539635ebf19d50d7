package program

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// write makes a file for the test and returns its path.
func write(t *testing.T, dir, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.WriteFile(path, []byte(content), 0o600), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
	return path
}

// listed returns a script with the checksum that it has now.
func listed(t *testing.T) Program {
	t.Helper()
	path := write(t, t.TempDir(), "greeter", "#!/bin/sh\n", 0o700)
	sum, err := Sum(path)
	if err != nil {
		t.Fatal(err)
	}
	return Program{Path: path, SHA256: sum, Origin: "greeter.yaml:3: sha256"}
}

func TestWhatIsExecutedIsAPrivateCopyOfWhatWasVerified(t *testing.T) {
	p, store := listed(t), NewStore(filepath.Join(t.TempDir(), "programs"))
	first, err := store.Executable(p)
	if err != nil || first == p.Path || filepath.Base(first) != "greeter" {
		t.Fatalf("%s %v", first, err)
	}
	if info, err := os.Stat(first); err != nil || info.Mode().Perm() != 0o500 {
		t.Errorf("%v %v", info, err)
	}
	if again, err := store.Executable(p); err != nil || again != first {
		t.Errorf("%s %v", again, err)
	}
	write(t, filepath.Dir(p.Path), "greeter", "#!/bin/sh\nexit 1\n", 0o700)
	if content, err := os.ReadFile(first); err != nil || string(content) != "#!/bin/sh\n" {
		t.Errorf("the copy has changed: %q %v", content, err)
	}
	if err := store.Clear(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Dir(filepath.Dir(first))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("copies are left: %v", err)
	}
}

func TestAChangedFileIsNeitherCopiedNorExecuted(t *testing.T) {
	for name, before := range map[string]bool{"never started": false, "started before": true} {
		t.Run(name, func(t *testing.T) {
			p, store := listed(t), NewStore(filepath.Join(t.TempDir(), "programs"))
			if before {
				if _, err := store.Executable(p); err != nil {
					t.Fatal(err)
				}
			}
			write(t, filepath.Dir(p.Path), "greeter", "#!/bin/sh\nexit 1\n", 0o700)
			_, err := store.Executable(p)
			var changed *ChangedError
			if !errors.As(err, &changed) || !errors.As(p.Check(), &changed) {
				t.Fatalf("got %v", err)
			}
			want := p.Path + " has changed: its checksum is " + changed.Found[:8] + "…, and greeter.yaml:3: sha256 says " + p.SHA256[:8] +
				"…: put the listed file back, or remove and install the new one"
			if err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if left, _ := filepath.Glob(filepath.Join(store.dir, "*", ".copy-*")); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func TestWhatCannotBeExecutedSaysWhatHelps(t *testing.T) {
	dir := t.TempDir()
	// The head of a program for another machine (elf(5)): s390x, which nobody builds this on.
	foreign := "\x7fELF\x02\x02\x01" + strings.Repeat("\x00", 9) + "\x00\x02\x00\x16" + strings.Repeat("\x00", 44)
	for want, path := range map[string]string{
		"no such file or directory":                           filepath.Join(dir, "missing"),
		"is not a file":                                       dir,
		"is not executable (mode 0600): chmod 700 ":           write(t, dir, "plain", "#!/bin/sh\n", 0o600),
		"can be written by others (mode 0722): chmod go-w ":   write(t, dir, "open", "#!/bin/sh\n", 0o722),
		"is made for another machine (EM_S390, this one is ":  write(t, dir, "foreign", foreign, 0o700),
		"is neither a program nor a script that begins with ": write(t, dir, "text", "hello\n", 0o700),
		"is cut off: copy it again":                           write(t, dir, "short", "\x7fELF\x02", 0o700),
	} {
		if runtime.GOOS != "linux" && strings.Contains(want, "neither") {
			continue
		}
		if err := Examine(path); err == nil || !strings.HasPrefix(err.Error(), path) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if binary, err := os.Executable(); err != nil || Examine(binary) != nil {
		t.Errorf("this program cannot be executed: %v %v", err, Examine(binary))
	}
}

func TestSecretsComeFromPrivateFilesAtEachStart(t *testing.T) {
	dir := t.TempDir()
	p := Program{Environ: []string{"A=1"}, SecretFiles: map[string]string{"B": write(t, dir, "secret", "first\n", 0o600)}}
	for _, content := range []string{"first", "second"} {
		write(t, dir, "secret", content+"\n", 0o600)
		if got, err := p.Variables(); err != nil || strings.Join(got, " ") != "A=1 B="+content {
			t.Errorf("%q %v", got, err)
		}
	}
	for want, path := range map[string]string{
		"others may read it (mode 0644): chmod 600 ": write(t, dir, "public", "x", 0o644),
		"has more than one line":                     write(t, dir, "long", "x\ny\n", 0o600),
		"no such file":                               filepath.Join(dir, "missing"),
	} {
		p.SecretFiles = map[string]string{"B": path}
		if _, err := p.Variables(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
