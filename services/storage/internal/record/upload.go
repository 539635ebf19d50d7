package record

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// Upload is what is known of an upload that was begun.
type Upload struct {
	Owner   string
	Limit   uint64 // bytes
	Request *storageapi.BeginUploadRequest
}

const (
	uploadOwner protowire.Number = iota + 1
	uploadLimit
	uploadRequest
)

// Encode returns u's bytes on disk.
func (u *Upload) Encode() ([]byte, error) {
	request, err := proto.Marshal(u.Request)
	if err != nil {
		return nil, fmt.Errorf("encode an upload: %w", err)
	}
	b := appendBytes(nil, uploadOwner, u.Owner)
	b = appendNumber(b, uploadLimit, u.Limit)
	return appendBytes(b, uploadRequest, request), nil
}

// DecodeUpload is the reverse of Encode.
func DecodeUpload(b []byte) (Upload, error) {
	u := Upload{Request: &storageapi.BeginUploadRequest{}}
	var inner error
	err := each(b, func(field protowire.Number, number uint64, data []byte) {
		switch field {
		case uploadOwner:
			u.Owner = string(data)
		case uploadLimit:
			u.Limit = number
		case uploadRequest:
			inner = proto.Unmarshal(data, u.Request)
		}
	})
	if err == nil {
		err = inner
	}
	return u, err
}

// Committed is the answer to an upload's commit.
type Committed struct {
	Owner    string
	Response *storageapi.WriteResponse
}

const (
	committedOwner protowire.Number = iota + 1
	committedResponse
)

// Encode returns c's bytes on disk.
func (c *Committed) Encode() ([]byte, error) {
	response, err := proto.Marshal(c.Response)
	if err != nil {
		return nil, fmt.Errorf("encode the answer to a commit: %w", err)
	}
	b := appendBytes(nil, committedOwner, c.Owner)
	return appendBytes(b, committedResponse, response), nil
}

// DecodeCommitted is the reverse of Encode.
func DecodeCommitted(b []byte) (Committed, error) {
	c := Committed{Response: &storageapi.WriteResponse{}}
	var inner error
	err := each(b, func(field protowire.Number, _ uint64, data []byte) {
		switch field {
		case committedOwner:
			c.Owner = string(data)
		case committedResponse:
			inner = proto.Unmarshal(data, c.Response)
		}
	})
	if err == nil {
		err = inner
	}
	return c, err
}
