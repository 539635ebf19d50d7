package storage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

func TestContentComesInlineByDescriptorAndByStream(t *testing.T) {
	f := newFamily(t)
	large := strings.Repeat("0123456789", 100_000)
	f.put("/small", "hello")
	begun, loan := f.begin("/large")
	if _, err := loan.File.WriteString(large); err != nil {
		t.Fatal(err)
	}
	written, err := f.api.CommitUpload(f.as("alice"), &storageapi.CommitUploadRequest{UploadId: begun.GetUploadId(), Size: uint64(len(large))}, f.here())
	if err != nil {
		t.Fatal(err)
	}
	loan.Return()
	if !written.GetCreated() || written.GetEntry().GetEtag() == "" {
		t.Errorf("%v", written)
	}
	if f.read("/small") != "hello" || f.read("/large") != large {
		t.Error("content is wrong")
	}
	stream, err := f.api.Download(f.as("alice"), &storageapi.OpenRequest{Path: "/large"}, f.here())
	if err != nil {
		t.Fatal(err)
	}
	var content bytes.Buffer
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content.Write(chunk.GetContent())
	}
	if content.String() != large {
		t.Errorf("the download has %d bytes", content.Len())
	}
}

func TestAnUploadByStreamIsCommittedByItsLastMessageAlone(t *testing.T) {
	f := newFamily(t)
	begin := &storageapi.UploadChunk{Begin: &storageapi.BeginUploadRequest{Path: "/f", Size: -1}}
	stream, err := f.api.Upload(f.as("alice"), f.here())
	if err != nil {
		t.Fatal(err)
	}
	for _, chunk := range []*storageapi.UploadChunk{begin, {Content: []byte("one ")}, {Content: []byte("two")}, {Commit: &storageapi.CommitUploadRequest{Size: 7}}} {
		if err := stream.Send(chunk); err != nil {
			t.Fatal(err)
		}
	}
	var written storageapi.WriteResponse
	if err := stream.RecvMsg(&written); err != nil || written.GetEntry().GetSize() != 7 || f.read("/f") != "one two" {
		t.Fatalf("%v, %v", &written, err)
	}
	cut, err := f.api.Upload(f.as("alice"), f.here())
	if err != nil {
		t.Fatal(err)
	}
	cut.Send(begin)
	cut.Send(&storageapi.UploadChunk{Content: []byte("half")})
	cut.Close()
	if f.read("/f") != "one two" {
		t.Error("a cut off upload became visible")
	}
}

func TestAnUploadWhoseWriterGoesAwayLeavesNothing(t *testing.T) {
	f := newFamily(t)
	begun, loan := f.begin("/f")
	loan.File.WriteString("half")
	loan.Abandon()
	// The service learns of it by the connection's end, so both outcomes of an early
	// commit are refusals: the upload is gone, or has another size.
	_, err := f.api.CommitUpload(f.as("alice"), &storageapi.CommitUploadRequest{UploadId: begun.GetUploadId(), Size: 7}, f.here())
	if c := code(err); c != 404 && c != 400 {
		t.Errorf("%v", err)
	}
	if _, err := f.api.Stat(f.as("alice"), &storageapi.StatRequest{Path: "/f"}, f.here()); code(err) != 404 {
		t.Errorf("%v", err)
	}
	if files := f.blobs(); len(files) != 0 {
		t.Errorf("left: %v", files)
	}
}

func TestAListingMayBeLargerThanAnyMessage(t *testing.T) {
	f := newFamily(t)
	property := &storageapi.Property{Namespace: "urn:x", Name: "large", InnerXml: bytes.Repeat([]byte("x"), 64_000)}
	const files = 300 // with more than 16 MiB of properties
	for i := range files {
		path := fmt.Sprintf("/%03d", i)
		f.put(path, "")
		_, err := f.api.SetProperties(f.as("alice"), &storageapi.SetPropertiesRequest{
			Path: path, Changes: []*storageapi.PropertyChange{{Property: property}},
		}, f.here())
		if err != nil {
			t.Fatal(err)
		}
	}
	list, err := f.list("/")
	if err != nil || len(list) != files {
		t.Fatalf("%d children, %v", len(list), err)
	}
	for i, child := range list {
		if child.GetPath() != fmt.Sprintf("/%03d", i) || len(child.GetProperties()) != 1 {
			t.Errorf("child %d is %s with %d properties", i, child.GetPath(), len(child.GetProperties()))
		}
	}
}
