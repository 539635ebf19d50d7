package tree

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/blobs"
)

// handOver returns an upload's file as its writer has it in a process of its own.
func (s *stand) handOver(upload *Upload) *os.File {
	s.t.Helper()
	fd, err := syscall.Dup(int(upload.File.Fd()))
	s.must(err)
	writer := os.NewFile(uintptr(fd), "writer")
	s.t.Cleanup(func() { writer.Close() })
	return writer
}

// restart lets another engine follow. Close leaves on disk what a kill does.
func (s *stand) restart() {
	s.t.Helper()
	s.must(s.Close())
	s.reopen()
	_, _, err := s.sweep(s.t.Context())
	s.must(err)
}

func TestAnUploadOutlivesTheEngineThatBeganIt(t *testing.T) {
	s := newStand(t, Options{})
	upload := s.begin("/f", 12)
	writer := s.handOver(upload)
	for _, part := range []string{"one ", "two ", "four"} {
		writer.WriteString(part)
		s.restart()
	}
	if s.exists("/f") {
		t.Error("it is visible before its commit")
	}
	_, err := s.as("bob").commitUpload(upload, 12)
	s.wants(404, err)
	response, err := s.commitUpload(upload, 12)
	s.must(err)
	if got := s.read("/f"); got != "one two four" || response.GetEntry().GetMtimeUnixNano() != 42 {
		t.Errorf("content is %q, %v", got, response)
	}
	if left := filesIn(t, filepath.Join(s.options.Folder, "uploads")); left != 0 {
		t.Errorf("%d notes are left", left)
	}
}

func TestAnUploadThatWasBroughtToDiskIsCommittedByTheNextEngine(t *testing.T) {
	s := newStand(t, Options{})
	upload := s.begin("/f", -1)
	writer := s.handOver(upload)
	writer.WriteString("whole")
	s.must(s.blobs.Seal(upload.blob, upload.File)) // and then it was killed
	s.restart()
	_, err := s.commitUpload(upload, 5)
	s.must(err)
	s.restart()
	if got := s.read("/f"); got != "whole" {
		t.Errorf("content is %q", got)
	}
}

func TestACommitWhoseAnswerWasLostIsAnsweredByTheNextEngineAndNotMadeTwice(t *testing.T) {
	for name, content := range map[string]string{"a file": large, "an empty one": ""} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, Options{})
			upload, err := s.BeginUpload(t.Context(), s.owner, &storageapi.BeginUploadRequest{
				Path: "/f", Size: -1, Conditions: &storageapi.Conditions{IfNoneMatch: []string{"*"}},
			})
			s.must(err)
			note, err := s.blobs.ReadNote(upload.blob)
			s.must(err)
			writer := s.handOver(upload)
			writer.WriteString(content)
			want, err := s.commitUpload(upload, uint64(len(content)))
			s.must(err)
			events := len(s.pending())
			s.must(s.blobs.Note(upload.blob, note)) // it was killed before it had tidied up
			s.restart()
			again, err := s.commitUpload(upload, uint64(len(content)))
			if s.must(err); !proto.Equal(again, want) {
				t.Errorf("it answers %v instead of %v", again, want)
			}
			if s.read("/f") != content || len(s.pending()) != events {
				t.Error("it was done twice")
			}
			s.put("/f", "newer")
			if again, err = s.commitUpload(upload, uint64(len(content))); err != nil || !proto.Equal(again, want) || s.read("/f") != "newer" {
				t.Errorf("after another write: %v, %v", again, err)
			}
		})
	}
}

func (s *stand) pending() []Pending {
	s.t.Helper()
	pending, err := s.Pending(100)
	s.must(err)
	return pending
}

func TestWhatTheNextEngineCommitsIsCheckedAsEver(t *testing.T) {
	s := newStand(t, Options{Quota: 10})
	begin := func(path, content string, c *storageapi.Conditions) *Upload {
		upload, err := s.BeginUpload(t.Context(), s.owner, &storageapi.BeginUploadRequest{Path: path, Size: -1, Conditions: c})
		s.must(err)
		s.handOver(upload).WriteString(content)
		return upload
	}
	s.mkdir("/dir")
	changed := begin("/changed", "1", &storageapi.Conditions{IfNoneMatch: []string{"*"}})
	parentless := begin("/dir/f", "1", nil)
	short := begin("/short", "1", nil)
	much := begin("/much", "1234567890", nil)
	s.restart()
	s.put("/changed", "meanwhile")
	s.delete("/dir")
	for want, upload := range map[int]*Upload{412: changed, 409: parentless, 507: much} {
		info, err := upload.reopened(s).Stat()
		s.must(err)
		_, err = s.commitUpload(upload, uint64(info.Size()))
		s.wants(want, err)
	}
	_, err := s.commitUpload(short, 2)
	s.wants(400, err)
	_, err = s.commitUpload(short, 1)
	s.wants(404, err)
	if files := filesIn(t, s.options.Folder); files != 1 {
		t.Errorf("%d files are on disk, want the database alone", files)
	}
}

// reopened is the file of an upload as the present engine has it.
func (u *Upload) reopened(s *stand) *os.File { return s.uploads.running(u.owner, u.ID).File }

func TestAnUploadWhoseWriterIsGoneIsDroppedAndItsRoomIsFree(t *testing.T) {
	s := newStand(t, Options{})
	s.begin("/never-fetched", -1)
	before, during := s.begin("/before", 1<<20), s.begin("/during", 1<<20)
	writer := s.handOver(during)
	s.handOver(before).Close()
	s.restart()
	if n := len(s.uploads.byID); n != 1 {
		t.Errorf("%d uploads go on, one has a writer", n)
	}
	if sized, _ := s.uploads.reserved(); sized != 1<<20 {
		t.Errorf("%d bytes are reserved", sized)
	}
	if left := s.dropAbandoned(); left != 1 {
		t.Errorf("%d have a writer", left)
	}
	writer.Close()
	if left := s.dropAbandoned(); left != 0 {
		t.Errorf("%d have a writer", left)
	}
	_, err := s.commitUpload(during, 0)
	s.wants(404, err)
	if files := filesIn(t, s.options.Folder); files != 1 {
		t.Errorf("%d files are on disk, want the database alone", files)
	}
}

func TestADamagedNoteEndsItsUploadAlone(t *testing.T) {
	s := newStand(t, Options{})
	damaged, other := s.begin("/damaged", -1), s.begin("/other", -1)
	s.handOver(damaged)
	s.handOver(other).WriteString("x")
	s.must(s.blobs.Note(damaged.blob, []byte{0xff}))
	s.restart()
	_, err := s.commitUpload(damaged, 0)
	s.wants(404, err)
	_, err = s.commitUpload(other, 1)
	s.must(err)
}

func TestCommitsOfTheSameUploadAtTheSameTimeHaveOneAnswer(t *testing.T) {
	s := newStand(t, Options{})
	upload := s.begin("/f", -1)
	upload.File.WriteString("x")
	answers := make([]*storageapi.WriteResponse, 8)
	var asking sync.WaitGroup
	for i := range answers {
		asking.Go(func() {
			var err error
			if answers[i], err = s.commitUpload(upload, 1); err != nil {
				t.Error(err)
			}
		})
	}
	asking.Wait()
	for _, answer := range answers {
		if !proto.Equal(answer, answers[0]) || !answer.GetCreated() {
			t.Errorf("%v and %v", answer, answers[0])
		}
	}
	if n := len(s.pending()); n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestAnswersToCommitsAreForgottenInTime(t *testing.T) {
	s := newStand(t, Options{})
	upload := func() *Upload {
		upload := s.begin("/f", -1)
		upload.File.WriteString(strings.Repeat("x", 10))
		_, err := s.commitUpload(upload, 10)
		s.must(err)
		return upload
	}
	first := upload()
	for range 2 * forgetBatch {
		upload()
	}
	s.clock.advance(keepCommitted)
	if _, err := s.answerAgain(s.owner, first.blob); err != nil {
		t.Errorf("forgotten too early: %v", err)
	}
	s.clock.advance(time.Second)
	for range 4 {
		upload()
	}
	_, err := s.answerAgain(s.owner, first.blob)
	s.wants(404, err)
	var kept int
	s.must(s.db.View(func(bolt *bbolt.Tx) error {
		return bolt.Bucket(bucketCommitted).ForEach(func([]byte, []byte) error { kept++; return nil })
	}))
	if kept != 4 {
		t.Errorf("%d answers are kept", kept)
	}
	_, err = s.answerAgain(s.owner, blobs.NewID())
	s.wants(404, err)
}
