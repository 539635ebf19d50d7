package escape

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

func reading() []attempt {
	const group = "read"
	const hidden = "no such file, or permission denied"
	return []attempt{
		{name: "read-passwd", group: group, expected: hidden, try: func(t *Targets) outcome { return readMachineFile(t, passwordFile) }},
		{name: "read-shadow", group: group, expected: hidden, try: func(t *Targets) outcome { return readMachineFile(t, shadowFile) }},
		{name: "read-secret", group: group, expected: hidden, try: func(t *Targets) outcome { return readSecret(t, t.path(secretFile)) }},
		{name: "read-config", group: group, expected: hidden, try: func(t *Targets) outcome { return readSecret(t, t.path(configFile)) }},
		{name: "read-other-service", group: group, expected: hidden, try: func(t *Targets) outcome { return readSecret(t, t.path(otherFile)) }},
		{name: "read-runtime-config", group: group, expected: hidden, try: func(t *Targets) outcome { return openOutside(t.Runtime.Config) }},
		{name: "read-runtime-data", group: group, expected: hidden, try: func(t *Targets) outcome { return openOutside(t.Runtime.OtherData) }},
		{name: "list-root", group: group, expected: "a root of its own, or permission denied", try: listRoot},
		{name: "list-home", group: group, expected: hidden, try: listHome},
		{name: "stat-secret", group: group, expected: hidden, try: statSecret},
		{name: "read-by-dots", group: group, expected: hidden, try: readByDots},
		{name: "read-planted-link", group: group, expected: hidden, try: readPlantedLink},
		{name: "read-by-handle", group: group, expected: "operation not permitted", try: readByHandle},
		{name: "own-environment", group: group, expected: "nothing that was not declared", try: readOwnEnvironment},
		{name: "supervisor-environment", group: group, expected: hidden, try: readSupervisorEnvironment},
	}
}

// readSecret reads a planted file; one of the same name with other content is no escape.
func readSecret(t *Targets, path string) outcome {
	data, err := os.ReadFile(path)
	if err != nil {
		return refused(err)
	}
	return judgeSecret(t, data, path)
}

func judgeSecret(t *Targets, data []byte, where string) outcome {
	if !strings.Contains(string(data), t.Token) {
		return withheld("nothing of the outside in %s", where)
	}
	return obtained("read the secret in %s", where)
}

// readMachineFile compares with what the outside has, because a sandbox may have a
// password file of its own.
func readMachineFile(t *Targets, path string) outcome {
	if !t.Machine.has(path) {
		return notApplicable("%s does not exist on this machine", path)
	}
	hash, err := hashOf(path)
	if err != nil {
		return refused(err)
	}
	// A file that the outside could not read itself has no hash: reading it is enough.
	if known := t.Machine.Hashes[path]; known != "" && known != hash {
		return withheld("a file of its own")
	}
	return obtained("read %s", path)
}

// openOutside only opens: what is there is not the suite's.
func openOutside(path string) outcome {
	if path == "" {
		return notApplicable("no such place was named")
	}
	file, err := os.Open(path)
	if err != nil {
		return refused(err)
	}
	file.Close()
	return obtained("opened %s", path)
}

func listRoot(t *Targets) outcome { return listPlace(t.Machine.Root) }

func listHome(t *Targets) outcome {
	if t.Machine.Home.Path == "" {
		return notApplicable("this user has no home folder")
	}
	return listPlace(t.Machine.Home)
}

func listPlace(outside Place) outcome {
	entries, err := os.ReadDir(outside.Path)
	if err != nil {
		return refused(err)
	}
	if here, err := placeOf(outside.Path); err != nil || here != outside {
		return withheld("a folder of its own")
	}
	return obtained("listed %d entries of %s", len(entries), outside.Path)
}

func statSecret(t *Targets) outcome {
	_, err := os.Stat(t.path(secretFile))
	return did(err, "sees that the file exists, its size and its times")
}

// readByDots climbs from the working folder, deeper than any path is.
func readByDots(t *Targets) outcome {
	up := strings.Repeat("../", 64)
	data, err := os.ReadFile(up + strings.TrimPrefix(t.path(secretFile), "/"))
	if err != nil {
		return refused(err)
	}
	return judgeSecret(t, data, "a folder above")
}

func readPlantedLink(t *Targets) outcome {
	if t.Own == "" {
		return notApplicable("the service has no folder in which a link could be planted")
	}
	if _, err := os.Lstat(t.linkToSecret()); err != nil {
		return untried("the planted link is not where it should be: %v", err)
	}
	o := readSecret(t, t.linkToSecret())
	if o.escaped {
		return o
	}
	if through := readSecret(t, filepath.Join(t.linkToFolder(), secretFile)); through.escaped {
		return through
	}
	return o
}

// readByHandle opens a file by its number, past all folders and roots. Any descriptor on
// the same file system will do as the way in.
func readByHandle(t *Targets) outcome {
	if len(t.SecretHandle.Bytes) == 0 {
		return notApplicable("the file system has no handles")
	}
	o := notApplicable("no folder could be opened")
	for _, way := range []string{".", "/"} {
		folder, err := unix.Open(way, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		o = readHandle(t, folder)
		unix.Close(folder)
		if o.escaped {
			break
		}
	}
	return o
}

func readHandle(t *Targets, folder int) outcome {
	fd, err := unix.OpenByHandleAt(folder, unix.NewFileHandle(t.SecretHandle.Type, t.SecretHandle.Bytes), unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return refused(err)
	}
	file := os.NewFile(uintptr(fd), "handle")
	defer file.Close()
	data := make([]byte, 256)
	n, _ := file.Read(data)
	return judgeSecret(t, data[:n], "a file opened by its number")
}

func readOwnEnvironment(t *Targets) outcome {
	if value, ok := os.LookupEnv(secretVariable); ok && value == t.Token {
		return obtained("the supervisor's %s", secretVariable)
	}
	return withheld("%d variables, no secret of the supervisor", len(os.Environ()))
}

func readSupervisorEnvironment(t *Targets) outcome {
	if t.Machine.Environment == "" {
		return notApplicable("the supervisor cannot read its own environment in /proc")
	}
	hash, err := hashOf(fmt.Sprintf("/proc/%d/environ", t.Supervisor))
	if err != nil {
		return refused(err)
	}
	if hash != t.Machine.Environment {
		return withheld("another process of that number")
	}
	return obtained("read the environment of process %d", t.Supervisor)
}
