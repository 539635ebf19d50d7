// Package program is what the children of a service execute, as data: a file, its arguments
// and variables, and the checksum that its content must have.
//
// It owns the look at an executable before a start (Program.Check), and the private copies
// of those with a checksum (Store): what is executed is the very content that was verified,
// whatever happens to the file meanwhile. It leaves to its callers where programs and
// checksums come from, and the start.
//
// It does not protect from processes of the same user, which can write to the copies as well.
package program

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

// Program is what the children of a service execute.
type Program struct {
	// Path is the executable, absolute.
	Path string
	// Args is argv, with the program's name first.
	Args []string
	// Environ are variables for this service alone, as NAME=value; they win over those that
	// all children get.
	Environ []string
	// SecretFiles are files by the name of the variable that gets their content, without the
	// line's end, at each start.
	SecretFiles map[string]string
	// SHA256 is the checksum that the content must have before each start, in hex; "": any.
	SHA256 string
	// Origin is where the checksum stands, such as "/x/greeter.yaml:4: sha256"; errors name it.
	Origin string
}

// Check reads the whole file and returns why it must not be executed. Without a checksum it
// reads nothing: then it is the runtime's own program.
func (p Program) Check() error {
	if p.SHA256 == "" {
		return nil
	}
	file, err := openExecutable(p.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	return p.verify(file, io.Discard)
}

// verify copies the content of file and returns an error when it is not the one that was
// promised.
func (p Program) verify(file io.Reader, to io.Writer) error {
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(to, sum), file); err != nil {
		return fmt.Errorf("%s: %w", p.Path, reason(err))
	}
	if found := hex.EncodeToString(sum.Sum(nil)); !strings.EqualFold(found, p.SHA256) {
		return &ChangedError{Path: p.Path, Origin: p.Origin, Want: p.SHA256, Found: found}
	}
	return nil
}

// ChangedError is returned for a file that is not the one that was listed.
type ChangedError struct {
	Path, Origin string
	Want, Found  string // checksums
}

// Error implements error.
func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s has changed: its checksum is %s…, and %s says %s…: put the listed file back, or remove and install the new one",
		e.Path, e.Found[:min(8, len(e.Found))], e.Origin, e.Want[:min(8, len(e.Want))])
}

// Sum returns the checksum of a file, in hex.
func Sum(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, reason(err))
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", fmt.Errorf("%s: %w", path, reason(err))
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// Variables returns all that are for this service alone, those from files included.
func (p Program) Variables() ([]string, error) {
	variables := slices.Clone(p.Environ)
	for _, name := range slices.Sorted(maps.Keys(p.SecretFiles)) {
		content, err := readSecret(p.SecretFiles[name])
		if err != nil {
			return nil, fmt.Errorf("the value of %s: %w", name, err)
		}
		variables = append(variables, name+"="+content)
	}
	return variables, nil
}

// readSecret returns the only line of a file that nobody else may read.
func readSecret(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, reason(err))
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("%s holds a secret and others may read it (mode %04o): chmod 600 %s", path, mode, path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, reason(err))
	}
	value := strings.TrimRight(string(content), "\r\n")
	if strings.ContainsAny(value, "\x00\n") {
		return "", fmt.Errorf("%s has more than one line: a variable takes one", path)
	}
	return value, nil
}

// reason is an error without the path, which the caller says.
func reason(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// Builtin is the main binary as one of the services that are linked into it.
func Builtin(binary, service string) Program {
	return Program{Path: binary, Args: []string{"ocis", service, "server"}}
}
