package record

import (
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

func example() Entry {
	return Entry{
		ID: 7, Size: 1 << 40, Tag: 1<<63 + 5, Modified: -1, Created: 1700000000_000000001,
		Blob: BlobID{1, 2, 15: 3}, SHA1: []byte("01234567890123456789"), MD5: []byte("0123456789abcdef"), Adler32: []byte("1234"),
		Properties: []*storageapi.Property{
			{Namespace: "urn:x", Name: "n", InnerXml: []byte("<a/>"), Lang: "de-AT"},
			{Name: "without namespace"},
		},
		Trashed: 12,
	}
}

func TestRecordsComeBackAsTheyWereWritten(t *testing.T) {
	for _, want := range []Entry{{}, {ID: 1, Directory: true, Tag: 3}, example()} {
		got, err := DecodeEntry(want.Encode())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("entry %+v came back as %+v, %v", want, got, err)
		}
	}
	lock := Lock{Exclusive: true, Infinite: true, Owner: "<D:href>alice</D:href>", Expires: 99}
	if got, err := DecodeLock(lock.Encode()); err != nil || got != lock {
		t.Errorf("lock came back as %+v, %v", got, err)
	}
	trashed := Trashed{Path: "/a/b", Deleted: 5, Entry: example()}
	if got, err := DecodeTrashed(trashed.Encode()); err != nil || !reflect.DeepEqual(got, trashed) {
		t.Errorf("trashed entry came back as %+v, %v", got, err)
	}
}

func TestWhatIsNotedOfUploadsComesBackAsItWasWritten(t *testing.T) {
	upload := Upload{Owner: "alice", Limit: 1 << 40, Request: &storageapi.BeginUploadRequest{
		Path: "/f", Size: -1, MtimeUnixNano: 7, Conditions: &storageapi.Conditions{IfMatch: []string{"*"}, LockTokens: []string{"urn:x"}},
	}}
	text, err := upload.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeUpload(text); err != nil || got.Owner != upload.Owner || got.Limit != upload.Limit || !proto.Equal(got.Request, upload.Request) {
		t.Errorf("upload came back as %+v, %v", got, err)
	}
	if _, err := DecodeUpload(text[:len(text)-1]); err == nil {
		t.Error("a part is taken for the whole")
	}
	answer := Committed{Owner: "alice", Response: &storageapi.WriteResponse{Created: true, Entry: &storageapi.Entry{Id: "1", Etag: "e"}}}
	if text, err = answer.Encode(); err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeCommitted(text); err != nil || got.Owner != answer.Owner || !proto.Equal(got.Response, answer.Response) {
		t.Errorf("answer came back as %+v, %v", got, err)
	}
}

func FuzzDecodingNeverPanicsAndIsStable(f *testing.F) {
	entry := example()
	f.Add(entry.Encode())
	f.Add((&Trashed{Path: "/x", Entry: entry}).Encode())
	f.Add([]byte{0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		DecodeLock(b)
		DecodeTrashed(b)
		DecodeUpload(b)
		DecodeCommitted(b)
		first, err := DecodeEntry(b)
		if err != nil {
			return
		}
		second, err := DecodeEntry(first.Encode())
		if err != nil || len(second.Properties) != len(first.Properties) || second.ID != first.ID || second.Blob != first.Blob {
			t.Fatalf("%+v became %+v, %v", first, second, err)
		}
	})
}
