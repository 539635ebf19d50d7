package ocistest

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// alarm is what no log may hold.
var alarm = regexp.MustCompile(`(?m)^.*(panic: |fatal error: |WARNING: DATA RACE|runtime error:).*$`)

// nothingIsLeft looks at what the servers of a site have left behind.
func (s *Site) nothingIsLeft() {
	s.t.Helper()
	for _, pid := range s.Processes() {
		command, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		s.t.Errorf("process %d is left: %s", pid, bytes.ReplaceAll(command, []byte{0}, []byte{' '}))
	}
	for _, group := range append(s.groups, s.groupsNow()...) {
		if _, err := os.Stat(group); err == nil {
			s.t.Errorf("the control group %s is left", group)
		}
	}
	_ = filepath.WalkDir(s.Base, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		name := entry.Name()
		switch {
		case entry.Type() == fs.ModeSocket && !strings.HasPrefix(name, "notify-"), isTemporary(name):
			s.t.Errorf("%s is left", path)
		case strings.HasSuffix(name, ".log"):
			s.checkLog(path)
		}
		return nil
	})
}

// isTemporary knows the names of what is on its way to its place: folders of plugins' sockets,
// state, blobs, settings and certificates, and what is made only to see whether it can be.
func isTemporary(name string) bool {
	for _, prefix := range []string{"plugin-dir", ".ocis.yaml-", ".certificate-", ".ocis-doctor-", "trial-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return strings.HasSuffix(name, ".next") || strings.HasSuffix(name, ".new")
}

// groupsNow returns the folders of the control groups of the runtime that runs, or was
// killed.
func (s *Site) groupsNow() []string {
	folders, err := os.ReadFile(filepath.Join(s.RunDir(), "cgroup"))
	if err != nil {
		return nil // there are none
	}
	return strings.Fields(string(folders))
}

func (s *Site) checkLog(path string) {
	s.t.Helper()
	log, err := os.ReadFile(path)
	if err != nil {
		s.t.Error(err)
	}
	if found := alarm.Find(log); found != nil {
		at := bytes.Index(log, found)
		s.t.Errorf("%s says:\n%s", path, log[at:min(len(log), at+4000)])
	}
}

// Processes returns every process that has the site's folder in its environment.
func (s *Site) Processes() []int {
	mark := []byte("OCIS_BASE_DATA_PATH=" + s.Base + "\x00")
	entries, _ := filepath.Glob("/proc/[0-9]*/environ")
	var pids []int
	for _, entry := range entries {
		environ, err := os.ReadFile(entry)
		if err != nil || !bytes.Contains(append(environ, 0), mark) {
			continue
		}
		if pid, err := strconv.Atoi(strings.Split(entry, "/")[2]); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}
