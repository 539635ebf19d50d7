package record

import (
	"reflect"
	"testing"

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

func FuzzDecodingNeverPanicsAndIsStable(f *testing.F) {
	entry := example()
	f.Add(entry.Encode())
	f.Add((&Trashed{Path: "/x", Entry: entry}).Encode())
	f.Add([]byte{0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		DecodeLock(b)
		DecodeTrashed(b)
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
