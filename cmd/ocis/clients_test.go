package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// requireClient returns the path of a real client. Without it the test is skipped,
// but in CI on Debian, where the tests install their clients, it fails.
func requireClient(t *testing.T, program, debianPackage string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("real clients are left out by -short")
	}
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	message := fmt.Sprintf("%s is not installed (Debian: apt-get install %s)", program, debianPackage)
	if _, err := os.Stat("/etc/debian_version"); err == nil && os.Geteuid() == 0 && os.Getenv("CI") == "true" {
		t.Fatal(message + "; scripts/setup-test-clients.sh should have done that")
	}
	t.Skip(message)
	return ""
}

// A realClient is a client program that knows nothing of this machine's user.
type realClient struct {
	t       *testing.T
	path    string
	home    string
	env     []string
	timeout time.Duration
}

func newRealClient(t *testing.T, program, debianPackage string, env ...string) *realClient {
	t.Helper()
	return &realClient{t: t, path: requireClient(t, program, debianPackage), home: t.TempDir(), env: env, timeout: 2 * time.Minute}
}

// command returns the client's command, which dies with the test at the latest.
func (c *realClient) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(c.t.Context(), c.timeout)
	c.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, c.path, args...)
	cmd.WaitDelay = 5 * time.Second
	cmd.Dir = c.home
	cmd.Env = append([]string{"HOME=" + c.home, "PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "XDG_RUNTIME_DIR=" + c.home}, c.env...)
	return cmd
}

// run runs the client, which must succeed, and returns what it printed.
func (c *realClient) run(args ...string) string {
	c.t.Helper()
	output, err := c.command(args...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("%s %s: %v\n%s", filepath.Base(c.path), strings.Join(args, " "), err, output)
	}
	return string(output)
}

// longAgo is when the files of the tests were changed last; sync clients leave files
// alone that changed just now.
var longAgo = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

// writeFile writes a file, its folders too, as last changed minutes after longAgo.
func writeFile(t *testing.T, path string, content []byte, minutes int) {
	t.Helper()
	changed := longAgo.Add(time.Duration(minutes) * time.Minute)
	if err := errors.Join(
		os.MkdirAll(filepath.Dir(path), 0o755),
		os.WriteFile(path, content, 0o644),
		os.Chtimes(path, changed, changed),
	); err != nil {
		t.Fatal(err)
	}
}

// hardNames are legal names that clients, URLs and XML find hard.
var hardNames = []string{
	"with spaces  inside", "Größe für Übung", "emoji 😀 and 漢字", "100% sure", "a%20b", "#hash?", "c++ & co",
	`single ' double "`, "semi;colon=and,comma", "[brackets] {braces} (round)", "<tag>&amp;", "tilde~^`", ".hidden",
	"back\\slash", "de\u0301compose\u0301", "a:b|c*d", strings.Repeat("long", 50),
}

// namesWithout reduces what a client gets to what it supports.
func namesWithout(names []string, unwanted string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return strings.ContainsAny(name, unwanted) })
}

// writeTree fills dir with small files and a few of the larger sizes, named hard.
// The same seed makes the same tree.
func writeTree(t *testing.T, dir string, seed uint64, smallFiles int, names []string, larger ...int) {
	t.Helper()
	random := rand.NewChaCha8([32]byte{byte(seed)})
	pick := rand.New(random)
	for i := range smallFiles {
		folder := filepath.Join(names[i%len(names)], fmt.Sprintf("level %d", i%3))
		name := fmt.Sprintf("%d %s", i, names[(i/len(names))%len(names)])
		writeFile(t, filepath.Join(dir, folder, fileName(name)), randomContent(random, pick.IntN(6000)), i)
	}
	for i, size := range larger {
		writeFile(t, filepath.Join(dir, fmt.Sprintf("larger %d", i)), randomContent(random, size), i)
	}
	writeFile(t, filepath.Join(dir, "empty"), nil, 0)
}

// fileName keeps a name within the 255 bytes of a file system.
func fileName(name string) string {
	if len(name) > 200 {
		return name[:200]
	}
	return name
}

func randomContent(random *rand.ChaCha8, size int) []byte {
	content := make([]byte, size)
	random.Read(content)
	return content
}

// contents returns path and hash of every file below dir, and its folders, but not
// what keep rejects.
func contents(t *testing.T, dir string, keep func(path string) bool) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil || relative == "." || !keep(relative) {
			return err
		}
		if entry.IsDir() {
			found[relative] = "folder"
			return nil
		}
		data, err := os.ReadFile(path)
		found[relative] = fmt.Sprintf("%d bytes, %x", len(data), sha256.Sum256(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func everything(string) bool { return true }

// assertSameContents names the first few differences between two folders.
func assertSameContents(t *testing.T, when, one, other string, keep func(path string) bool) {
	t.Helper()
	a, b := contents(t, one, keep), contents(t, other, keep)
	var differences bytes.Buffer
	count := 0
	for path := range mergedKeys(a, b) {
		if a[path] == b[path] {
			continue
		}
		if count++; count <= 10 {
			fmt.Fprintf(&differences, "  %q: %q in %s, %q in %s\n", path, a[path], filepath.Base(one), b[path], filepath.Base(other))
		}
	}
	if count > 0 {
		t.Fatalf("%s: %d of %d differ\n%s", when, count, len(a), &differences)
	}
}

func mergedKeys(a, b map[string]string) map[string]string {
	merged := maps.Clone(a)
	maps.Copy(merged, b)
	return merged
}
