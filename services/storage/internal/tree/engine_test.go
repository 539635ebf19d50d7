package tree

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/blobs"
	"github.com/owncloud/ocis-runtime/services/storage/internal/record"
)

// clock is the time of a test. The engine reads it from its own goroutines too.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// stand is an engine in a test, and the hand that works it.
type stand struct {
	*Tree
	t     testing.TB
	owner string
	clock *clock
}

func quiet() *logrus.Entry {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return logrus.NewEntry(log)
}

// newStand opens an engine in a folder of its own. When the test ends, everything that
// is on disk must fit together.
func newStand(t testing.TB, options Options) *stand {
	t.Helper()
	s := &stand{t: t, owner: "alice", clock: &clock{at: time.Unix(1_700_000_000, 0)}}
	if options.Folder == "" {
		options.Folder = t.TempDir()
	}
	options.Log = quiet()
	if options.Now == nil {
		options.Now = s.clock.now
	}
	tree, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Tree = tree
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		checkFolder(t, options.Folder)
	})
	return s
}

func (s *stand) as(owner string) *stand {
	other := *s
	other.owner = owner
	return &other
}

func (s *stand) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) put(path, content string) *storageapi.Entry {
	s.t.Helper()
	response, err := s.Put(s.t.Context(), s.owner, &storageapi.PutRequest{Path: path, Content: []byte(content)})
	s.must(err)
	return response.GetEntry()
}

func (s *stand) mkdir(path string) *storageapi.Entry {
	s.t.Helper()
	response, err := s.MakeDirectory(s.t.Context(), s.owner, &storageapi.MakeDirectoryRequest{Path: path})
	s.must(err)
	return response.GetEntry()
}

func (s *stand) stat(path string) *storageapi.Entry {
	s.t.Helper()
	entry, err := s.Stat(s.t.Context(), s.owner, &storageapi.StatRequest{Path: path})
	s.must(err)
	return entry
}

func (s *stand) exists(path string) bool {
	s.t.Helper()
	_, err := s.Stat(s.t.Context(), s.owner, &storageapi.StatRequest{Path: path})
	if status(err) == 404 {
		return false
	}
	s.must(err)
	return true
}

func (s *stand) list(path string) map[string]*storageapi.Entry {
	s.t.Helper()
	listing, err := s.List(s.t.Context(), s.owner, &storageapi.ListRequest{Path: path})
	s.must(err)
	found := map[string]*storageapi.Entry{}
	for _, child := range listing.Children {
		found[filepath.Base(child.GetPath())] = child
	}
	return found
}

func (s *stand) read(path string) string {
	s.t.Helper()
	opened, err := s.Open(s.t.Context(), s.owner, &storageapi.OpenRequest{Path: path})
	s.must(err)
	return contentOf(s.t, opened)
}

func contentOf(t testing.TB, opened *Opened) string {
	t.Helper()
	if opened.File == nil {
		return string(opened.Content)
	}
	defer opened.File.Close()
	content, err := io.ReadAll(opened.File)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func (s *stand) delete(path string) {
	s.t.Helper()
	s.must(s.Delete(s.t.Context(), s.owner, &storageapi.DeleteRequest{Path: path}))
}

func (s *stand) move(from, to string, overwrite bool) (*storageapi.WriteResponse, error) {
	return s.Move(s.t.Context(), s.owner, &storageapi.MoveRequest{Source: from, Destination: to, Overwrite: overwrite})
}

func (s *stand) copy(from, to string, overwrite bool) (*storageapi.WriteResponse, error) {
	return s.Copy(s.t.Context(), s.owner, &storageapi.CopyRequest{Source: from, Destination: to, Overwrite: overwrite})
}

// wants fails the test when err is not a refusal with that status.
func (s *stand) wants(want int, err error) {
	s.t.Helper()
	if got := status(err); got != want {
		s.t.Errorf("status %d (%v), want %d", got, err, want)
	}
}

func status(err error) int {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal.Status
	}
	return 0
}

// settle waits until nothing is left to purge and unused blobs are removed.
func (s *stand) settle() {
	s.t.Helper()
	for {
		var waiting bool
		s.must(s.view(func(x *tx) error {
			first, _ := x.bolt.Bucket(bucketPurge).Cursor().First()
			waiting = first != nil
			return nil
		}))
		if !waiting {
			return
		}
		s.must(s.update(s.t.Context(), (*tx).purgeSome))
	}
}

// checkFolder opens the engine's folder on its own and checks that sizes add up, that
// references are counted right, and that exactly the referenced blobs are on disk.
func checkFolder(t testing.TB, folder string) {
	t.Helper()
	removeLeftovers(t, folder)
	tree, err := Open(Options{Folder: folder, Log: quiet()})
	if err != nil {
		t.Errorf("open again: %v", err)
		return
	}
	defer tree.Close()
	references := map[blobs.ID]int{}
	err = tree.view(func(x *tx) error {
		if err := checkUsers(t, x, references); err != nil {
			return err
		}
		return x.bolt.Bucket(bucketPurge).ForEach(func(_, value []byte) error {
			entry, err := record.DecodeEntry(value)
			return errors.Join(err, checkSize(t, x, &entry, references))
		})
	})
	if err != nil {
		t.Error(err)
	}
	checkBlobs(t, tree, folder, references)
}

// removeLeftovers removes what a crash has left, as if its time were over.
func removeLeftovers(t testing.TB, folder string) {
	t.Helper()
	tree, err := Open(Options{Folder: folder, Log: quiet()})
	if err != nil {
		t.Errorf("open again: %v", err)
		return
	}
	if _, _, err := tree.sweep(context.Background()); err != nil {
		t.Error(err)
	}
	if err := tree.dropUnused(context.Background(), time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if err := tree.Close(); err != nil {
		t.Error(err)
	}
}

func checkUsers(t testing.TB, x *tx, references map[blobs.ID]int) error {
	return x.children(0, func(root node) error {
		var inTrash uint64
		var failed error
		err := x.trash(root.entry.ID, func(d trashed) bool {
			inTrash += d.Entry.Size
			failed = errors.Join(failed, checkSize(t, x, &d.Entry, references))
			return true
		})
		if inTrash != root.entry.Trashed {
			t.Errorf("the trash of %s has %d bytes, %d are recorded", root.name, inTrash, root.entry.Trashed)
		}
		return errors.Join(err, failed, checkSize(t, x, &root.entry, references))
	})
}

func checkSize(t testing.TB, x *tx, e *record.Entry, references map[blobs.ID]int) error {
	if !e.Directory {
		if (e.Blob == blobs.ID{}) != (e.Size == 0) {
			t.Errorf("file %d of %d bytes has blob %x", e.ID, e.Size, e.Blob)
		}
		references[e.Blob]++
		return nil
	}
	var sum uint64
	err := x.children(e.ID, func(n node) error {
		sum += n.entry.Size
		return checkSize(t, x, &n.entry, references)
	})
	if sum != e.Size {
		t.Errorf("directory %d has size %d, its children %d", e.ID, e.Size, sum)
	}
	return err
}

func checkBlobs(t testing.TB, tree *Tree, folder string, references map[blobs.ID]int) {
	t.Helper()
	delete(references, blobs.ID{})
	files := 0
	err := tree.view(func(x *tx) error {
		return x.bolt.Bucket(bucketBlobs).ForEach(func(key, value []byte) error {
			id := blobs.ID(key)
			n, inline, err := splitBlob(value)
			if err != nil || references[id] != int(n) {
				t.Errorf("blob %x: %d references are counted, there are %d, %v", key, n, references[id], err)
			}
			delete(references, id)
			if len(inline) > 0 {
				return nil
			}
			files++
			file, err := tree.blobs.Read(id)
			if err == nil {
				file.Close()
			}
			return err
		})
	})
	if err != nil {
		t.Error(err)
	}
	if len(references) > 0 {
		t.Errorf("content that entries refer to is missing: %v", references)
	}
	if found := filesIn(t, folder); found != files+1 {
		t.Errorf("%d files are on disk, want %d blobs and the database", found, files)
	}
}

func filesIn(t testing.TB, folder string) (files int) {
	t.Helper()
	err := filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files++
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return files
}
