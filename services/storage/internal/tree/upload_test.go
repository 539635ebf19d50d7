package tree

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

func (s *stand) begin(path string, size int64) *Upload {
	s.t.Helper()
	upload, err := s.BeginUpload(s.t.Context(), s.owner, &storageapi.BeginUploadRequest{Path: path, Size: size, MtimeUnixNano: 42})
	s.must(err)
	return upload
}

func (s *stand) commitUpload(upload *Upload, size uint64) (*storageapi.WriteResponse, error) {
	return s.CommitUpload(s.t.Context(), s.owner, &storageapi.CommitUploadRequest{UploadId: upload.ID, Size: size, Checksums: &storageapi.Checksums{Sha1: []byte("sum")}})
}

func TestAnUploadIsVisibleAfterItsCommitAndNotBefore(t *testing.T) {
	s := newStand(t, Options{})
	for path, want := range map[string]string{"/f": "content", "/empty": ""} {
		upload := s.begin(path, int64(len(want)))
		upload.File.WriteString(want)
		if s.exists(path) || len(s.list("/")) > 1 {
			t.Error("it is visible before its commit")
		}
		response, err := s.commitUpload(upload, uint64(len(want)))
		s.must(err)
		entry := response.GetEntry()
		if s.read(path) != want || entry.GetMtimeUnixNano() != 42 || string(entry.GetChecksums().GetSha1()) != "sum" {
			t.Errorf("%v", entry)
		}
		s.AbortUpload(s.owner, upload.ID)
		again, err := s.commitUpload(upload, uint64(len(want)))
		if s.must(err); !proto.Equal(again, response) {
			t.Errorf("asked again it answers %v instead of %v", again, response)
		}
		_, err = s.as("bob").commitUpload(upload, uint64(len(want)))
		s.wants(404, err)
		s.delete(path)
	}
}

func TestAnUploadThatIsAbortedCutOffOrRefusedLeavesNothing(t *testing.T) {
	s := newStand(t, Options{})
	aborted := s.begin("/f", -1)
	aborted.File.WriteString("half")
	s.AbortUpload(s.owner, aborted.ID)
	s.AbortUpload(s.owner, aborted.ID)
	_, err := s.commitUpload(aborted, 4)
	s.wants(404, err)

	short := s.begin("/f", 10)
	short.File.WriteString("half")
	_, err = s.commitUpload(short, 10)
	s.wants(400, err)

	s.mkdir("/dir")
	late := s.begin("/dir/f", -1)
	late.File.WriteString("content")
	s.delete("/dir")
	_, err = s.commitUpload(late, 7)
	s.wants(409, err)

	s.put("/changed", "one")
	upload, err := s.BeginUpload(t.Context(), s.owner, &storageapi.BeginUploadRequest{Path: "/changed", Conditions: &storageapi.Conditions{IfMatch: []string{s.stat("/changed").GetEtag()}}})
	s.must(err)
	upload.File.WriteString("two")
	s.put("/changed", "meanwhile")
	_, err = s.commitUpload(upload, 3)
	s.wants(412, err)
	if s.exists("/f") || s.read("/changed") != "meanwhile" {
		t.Error("something became visible")
	}
	if files := filesIn(t, s.options.Folder); files != 1 {
		t.Errorf("%d files are on disk, want the database alone", files)
	}
	s.begin("/f", -1).File.WriteString("open until the engine closes")
}

func TestAnUploadIsCommittedAlsoWhenItsCallerGivesUpMeanwhile(t *testing.T) {
	s := newStand(t, Options{})
	gaveUp, giveUp := context.WithCancel(t.Context())
	giveUp()
	upload := s.begin("/f", 7)
	upload.File.WriteString("content")
	_, err := s.CommitUpload(gaveUp, s.owner, &storageapi.CommitUploadRequest{UploadId: upload.ID, Size: 7})
	s.must(err)
	if got := s.read("/f"); got != "content" {
		t.Errorf("the content is %q", got)
	}

	large := strings.Repeat("x", maxInline+1)
	_, err = s.Put(gaveUp, s.owner, &storageapi.PutRequest{Path: "/large", Content: []byte(large)})
	s.must(err)
	_, err = s.Put(gaveUp, s.owner, &storageapi.PutRequest{Path: "/small", Content: []byte("costs nothing to send again")})
	if !errors.Is(err, context.Canceled) || s.exists("/small") {
		t.Errorf("a small write that nobody waits for: %v", err)
	}
}

func TestUploadStates(t *testing.T) {
	for _, test := range []struct {
		from  uploadState
		event uploadEvent
		to    uploadState
		ok    bool
	}{
		{uploadOpen, eventCommit, uploadCommitting, true},
		{uploadOpen, eventAbort, uploadEnded, true},
		{uploadOpen, eventDone, uploadOpen, false},
		{uploadCommitting, eventCommit, uploadCommitting, false},
		{uploadCommitting, eventAbort, uploadCommitting, false},
		{uploadCommitting, eventDone, uploadEnded, true},
		{uploadEnded, eventCommit, uploadEnded, false},
		{uploadEnded, eventAbort, uploadEnded, false},
		{uploadEnded, eventDone, uploadEnded, false},
	} {
		if to, ok := test.from.after(test.event); to != test.to || ok != test.ok {
			t.Errorf("%v after %v: %v, %v", test.from, test.event, to, ok)
		}
	}
}

func TestUploadsAreBounded(t *testing.T) {
	s := newStand(t, Options{})
	for range maxUploads {
		upload := s.begin("/f", -1)
		defer upload.File.Close()
	}
	_, err := s.BeginUpload(t.Context(), s.owner, &storageapi.BeginUploadRequest{Path: "/f"})
	s.wants(503, err)
}

func TestUploadsThatRunTogetherDoNotTakeTheSameRoom(t *testing.T) {
	s := newStand(t, Options{})
	usage, err := s.Usage(t.Context(), s.owner)
	s.must(err)
	most := int64(usage.GetAvailableBytes() / 10 * 6)
	begin := func(size int64) (*Upload, error) {
		return s.BeginUpload(t.Context(), s.owner, &storageapi.BeginUploadRequest{Path: "/f", Size: size})
	}
	first, err := begin(most)
	s.must(err)
	_, err = begin(most)
	s.wants(507, err)
	_, err = s.Put(t.Context(), s.owner, &storageapi.PutRequest{Path: "/small", Content: []byte("there is room for this")})
	s.must(err)
	s.AbortUpload(s.owner, first.ID)
	again, err := begin(most)
	s.must(err)
	s.AbortUpload(s.owner, again.ID)

	var limits uint64
	for range 5 { // none says how large it will be
		upload, err := begin(-1)
		s.must(err)
		limits += upload.Limit
	}
	if all := usage.GetAvailableBytes(); limits > all/100*101 { // others use the disk, too
		t.Errorf("uploads may write %d bytes, there are %d", limits, all)
	}
}

func TestUploadsThatDoNotSayTheirSizeShareTheRoom(t *testing.T) {
	for _, test := range []struct{ room, reserved, others, want uint64 }{
		{800, 0, 0, 350},   // the first: half, after an eighth is kept for who says a size
		{800, 350, 1, 116}, // the second: a third of what is left
		{800, 699, 9, 0},
		{800, 700, 9, 0},
		{100, 700, 9, 0}, // others have taken the disk meanwhile
		{0, 0, 0, 0},
	} {
		if got := share(test.room, test.reserved, test.others); got != test.want {
			t.Errorf("of %d, with %d reserved by %d others: %d, want %d", test.room, test.reserved, test.others, got, test.want)
		}
	}
}

func TestWhatAnUploadHasWrittenIsNotReservedTwice(t *testing.T) {
	upload := &Upload{Limit: 1000, File: temporary(t)}
	for _, step := range []struct {
		size  int64
		state uploadState
		want  uint64
	}{{0, uploadOpen, 1000}, {600, uploadOpen, 400}, {1000, uploadOpen, 0}, {1001, uploadOpen, 0}, {600, uploadCommitting, 0}} {
		if err := upload.File.Truncate(step.size); err != nil {
			t.Fatal(err)
		}
		upload.state = step.state
		if got := upload.reserved(); got != step.want {
			t.Errorf("with %d bytes written, state %d: %d are reserved, want %d", step.size, step.state, got, step.want)
		}
	}
}

func temporary(t *testing.T) *os.File {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

func TestUploadsThatHaveBegunCanEndBeforeARestartAndNoOthersBegin(t *testing.T) {
	s := newStand(t, Options{})
	committed, aborted := s.begin("/f", 4), s.begin("/g", 4)
	drained := make(chan struct{})
	go func() {
		s.DrainUploads(t.Context())
		close(drained)
	}()
	for { // until draining has begun
		upload, err := s.BeginUpload(t.Context(), s.owner, &storageapi.BeginUploadRequest{Path: "/late", Size: 1})
		if errors.Is(err, ErrDraining) {
			break
		}
		s.must(err)
		s.AbortUpload(s.owner, upload.ID)
	}
	s.put("/small", "goes on")
	select {
	case <-drained:
		t.Fatal("nobody waited for the uploads")
	default:
	}
	committed.File.WriteString("done")
	_, err := s.commitUpload(committed, 4)
	s.must(err)
	s.AbortUpload(s.owner, aborted.ID)
	<-drained
	if s.read("/f") != "done" || s.exists("/g") || s.exists("/late") {
		t.Error("the files are wrong")
	}
}
