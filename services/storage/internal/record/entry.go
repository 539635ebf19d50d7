package record

import (
	"google.golang.org/protobuf/encoding/protowire"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// BlobID names content. The zero value stands for no content: that of an empty file.
type BlobID [16]byte

// Entry is a file or a directory. Its name and its place are in its key.
type Entry struct {
	ID        uint64
	Directory bool
	Size      uint64 // bytes; of a directory, of all files below it
	Tag       uint64 // what the etag is made of
	Modified  int64  // nanoseconds since 1970
	Created   int64

	// Of files.
	Blob    BlobID
	SHA1    []byte
	MD5     []byte
	Adler32 []byte

	Properties []*storageapi.Property

	// Trashed is, of a user's root, the bytes in the trash.
	Trashed uint64
}

// The fields of an entry on disk. Numbers are never given a new meaning.
const (
	entryID protowire.Number = iota + 1
	entryDirectory
	entrySize
	entryTag
	entryModified
	entryCreated
	entryBlob
	entrySHA1
	entryMD5
	entryAdler32
	entryProperty
	entryTrashed
)

const (
	propertyNamespace protowire.Number = iota + 1
	propertyName
	propertyInnerXML
	propertyLang
)

// Encode returns e's bytes on disk.
func (e *Entry) Encode() []byte {
	b := make([]byte, 0, 128)
	b = appendNumber(b, entryID, e.ID)
	b = appendBool(b, entryDirectory, e.Directory)
	b = appendNumber(b, entrySize, e.Size)
	b = appendFixed(b, entryTag, e.Tag)
	b = appendFixed(b, entryModified, uint64(e.Modified))
	b = appendFixed(b, entryCreated, uint64(e.Created))
	if e.Blob != (BlobID{}) {
		b = appendBytes(b, entryBlob, e.Blob[:])
	}
	b = appendBytes(b, entrySHA1, e.SHA1)
	b = appendBytes(b, entryMD5, e.MD5)
	b = appendBytes(b, entryAdler32, e.Adler32)
	for _, property := range e.Properties {
		var inner []byte
		inner = appendBytes(inner, propertyNamespace, property.GetNamespace())
		inner = appendBytes(inner, propertyName, property.GetName())
		inner = appendBytes(inner, propertyInnerXML, property.GetInnerXml())
		inner = appendBytes(inner, propertyLang, property.GetLang())
		b = protowire.AppendBytes(protowire.AppendTag(b, entryProperty, protowire.BytesType), inner)
	}
	return appendNumber(b, entryTrashed, e.Trashed)
}

// DecodeEntry is the reverse of Encode.
func DecodeEntry(b []byte) (Entry, error) {
	var e Entry
	var inner error
	err := each(b, func(field protowire.Number, number uint64, data []byte) {
		switch field {
		case entryID:
			e.ID = number
		case entryDirectory:
			e.Directory = number != 0
		case entrySize:
			e.Size = number
		case entryTag:
			e.Tag = number
		case entryModified:
			e.Modified = int64(number)
		case entryCreated:
			e.Created = int64(number)
		case entryBlob:
			copy(e.Blob[:], data)
		case entrySHA1:
			e.SHA1 = data
		case entryMD5:
			e.MD5 = data
		case entryAdler32:
			e.Adler32 = data
		case entryProperty:
			property, err := decodeProperty(data)
			if err != nil {
				inner = err
			}
			e.Properties = append(e.Properties, property)
		case entryTrashed:
			e.Trashed = number
		}
	})
	if err == nil {
		err = inner
	}
	return e, err
}

func decodeProperty(b []byte) (*storageapi.Property, error) {
	property := &storageapi.Property{}
	err := each(b, func(field protowire.Number, _ uint64, data []byte) {
		switch field {
		case propertyNamespace:
			property.Namespace = string(data)
		case propertyName:
			property.Name = string(data)
		case propertyInnerXML:
			property.InnerXml = append([]byte(nil), data...) // may live longer than the record
		case propertyLang:
			property.Lang = string(data)
		}
	})
	return property, err
}
