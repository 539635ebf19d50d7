package tree

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

const (
	crashFolder = "TREE_TEST_CRASH_FOLDER"
	crashRound  = "TREE_TEST_CRASH_ROUND"
	crashers    = 4
)

// TestMain lets the test binary be the process that is killed while it writes.
func TestMain(m *testing.M) {
	if folder := os.Getenv(crashFolder); folder != "" {
		writeForEver(folder, os.Getenv(crashRound))
	}
	os.Exit(m.Run())
}

// acknowledgement is what the process says after a change was acknowledged: the names
// in a writer's folder with the SHA-1 of their content, which nobody else changes.
type acknowledgement struct {
	Writer int
	Files  map[string]string
	Token  string // of the folder's lock
}

// writeForEver makes changes from several goroutines, each in a folder of its own, and
// says after each what must be there from now on. Before a change it says nothing, so
// what is found may be one change ahead of what was said.
func writeForEver(folder, round string) {
	tree, err := Open(Options{Folder: folder, Log: quiet()})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	var mu sync.Mutex
	say := func(a acknowledgement) {
		line, _ := json.Marshal(a)
		mu.Lock()
		defer mu.Unlock()
		os.Stdout.Write(append(line, '\n'))
	}
	for writer := range crashers {
		go crashWriter(tree, writer, round, say)
	}
	select {}
}

func crashWriter(tree *Tree, writer int, round string, say func(acknowledgement)) {
	ctx, owner, dir := context.Background(), "alice", fmt.Sprintf("/r%s-%d", round, writer)
	check := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(4)
		}
	}
	a := acknowledgement{Writer: writer, Files: map[string]string{}}
	_, err := tree.MakeDirectory(ctx, owner, &storageapi.MakeDirectoryRequest{Path: dir})
	check(err)
	locked, err := tree.Lock(ctx, owner, &storageapi.LockRequest{Path: dir, Exclusive: true, Infinite: true})
	check(err)
	a.Token = locked.GetLock().GetToken()
	guard := &storageapi.Conditions{LockTokens: []string{a.Token}}
	say(a)
	for i := 0; ; i++ {
		name := fmt.Sprintf("f%d", rand.IntN(8))
		content := []byte(strings.Repeat(fmt.Sprintf("%s %d %d;", round, writer, i), rand.IntN(2000)))
		_, there := a.Files[name]
		switch kind := rand.IntN(10); {
		case kind == 0 && there:
			check(tree.Delete(ctx, owner, &storageapi.DeleteRequest{Path: dir + "/" + name, Conditions: guard}))
			delete(a.Files, name)
		case kind == 1 && there:
			_, err := tree.Move(ctx, owner, &storageapi.MoveRequest{Source: dir + "/" + name, Destination: dir + "/moved", Overwrite: true, Conditions: guard})
			check(err)
			a.Files["moved"] = a.Files[name]
			delete(a.Files, name)
		case kind == 2:
			upload, err := tree.BeginUpload(ctx, owner, &storageapi.BeginUploadRequest{Path: dir + "/" + name, Conditions: guard})
			check(err)
			upload.File.Write(content)
			_, err = tree.CommitUpload(ctx, owner, &storageapi.CommitUploadRequest{UploadId: upload.ID, Size: uint64(len(content))})
			check(err)
			a.Files[name] = fmt.Sprintf("%x", sha1.Sum(content))
		case kind == 3:
			upload, err := tree.BeginUpload(ctx, owner, &storageapi.BeginUploadRequest{Path: dir + "/half", Conditions: guard})
			check(err)
			upload.File.Write(content)
			if i%2 == 0 {
				tree.AbortUpload(owner, upload.ID)
			}
		default:
			_, err := tree.Put(ctx, owner, &storageapi.PutRequest{Path: dir + "/" + name, Content: content, Conditions: guard})
			check(err)
			a.Files[name] = fmt.Sprintf("%x", sha1.Sum(content))
		}
		say(a)
	}
}

func TestWhatWasAcknowledgedSurvivesSIGKILLAtAnyTime(t *testing.T) {
	folder := t.TempDir()
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	acknowledged := map[string]acknowledgement{}
	for round := range rounds {
		killWhileWriting(t, folder, round, acknowledged)
		checkAcknowledged(t, folder, acknowledged)
		checkFolder(t, folder)
	}
	if len(acknowledged) != rounds*crashers {
		t.Errorf("%d writers were heard, want %d", len(acknowledged), rounds*crashers)
	}
}

// killWhileWriting lets a process write, kills it after some acknowledgements, and
// records the last ones.
func killWhileWriting(t *testing.T, folder string, round int, acknowledged map[string]acknowledgement) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashFolder+"="+folder, fmt.Sprintf("%s=%d", crashRound, round))
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	hang := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer hang.Stop()
	// A few of every writer, then a random number more.
	limit := 200 + rand.IntN(200)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for n := 0; lines.Scan(); n++ {
		if n == limit {
			cmd.Process.Kill() // what is still in the pipe was acknowledged, too
		}
		var a acknowledgement
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			if n <= limit {
				t.Errorf("line %d: %v", n, err)
			}
			break // the last line may be cut off
		}
		acknowledged[fmt.Sprintf("/r%d-%d", round, a.Writer)] = a
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		t.Fatalf("the writing process ended by itself with code %d", code)
	}
}

// checkAcknowledged compares what is on disk with what was said. A writer may have
// made one change that it had no time to speak of.
func checkAcknowledged(t *testing.T, folder string, acknowledged map[string]acknowledgement) {
	t.Helper()
	tree, err := Open(Options{Folder: folder, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	s := &stand{Tree: tree, t: t, owner: "alice"}
	for dir, a := range acknowledged {
		differences := 0
		is := s.list(dir)
		for name, sum := range a.Files {
			entry := is[name]
			if entry == nil {
				differences++
				t.Logf("%s/%s is gone", dir, name)
				continue
			}
			content := s.read(entry.GetPath())
			if uint64(len(content)) != entry.GetSize() {
				t.Errorf("%s has %d bytes, its entry says %d", entry.GetPath(), len(content), entry.GetSize())
			}
			if fmt.Sprintf("%x", sha1.Sum([]byte(content))) != sum {
				differences++
			}
		}
		if _, ok := is["half"]; ok {
			t.Errorf("%s/half was never committed and is visible", dir)
		}
		// A move changes two names at once.
		if differences > 2 || len(is) > len(a.Files)+1 {
			t.Errorf("%s: %d of %d acknowledged files differ, %d are there", dir, differences, len(a.Files), len(is))
		}
		if locks := s.stat(dir).GetLocks(); len(locks) != 1 || locks[0].GetToken() != a.Token {
			t.Errorf("%s has locks %v, want token %s", dir, locks, a.Token)
		}
	}
}
