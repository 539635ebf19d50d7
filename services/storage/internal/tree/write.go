package tree

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"net/http"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/blobs"
	"github.com/owncloud/ocis-runtime/services/storage/internal/paths"
)

// maxInline is up to how many bytes content is kept in the database: it is written
// with its metadata, and costs neither a file nor a sync of its own. Larger content
// would make the database's pages long and its free list fragmented.
const maxInline = 8 << 10

// content is what a file is about to have: a blob that is on disk, or inline.
type content struct {
	blob     blobs.ID
	inline   []byte
	size     uint64
	sums     *storageapi.Checksums
	modified int64    // 0: now
	upload   blobs.ID // that brought it; the zero value: none did
}

// Put writes a small file.
func (t *Tree) Put(ctx context.Context, owner string, request *storageapi.PutRequest) (*storageapi.WriteResponse, error) {
	path, err := parse(request.GetPath())
	if err != nil {
		return nil, err
	}
	size := uint64(len(request.GetContent()))
	if err := t.mayWrite(ctx, owner, path, size, request.GetConditions()); err != nil {
		return nil, err
	}
	if err := t.onDisk(ctx, size+1); err != nil {
		return nil, err
	}
	sums := sumsOf(request.GetContent())
	if err := fitting(sums, request.GetExpected()); err != nil {
		return nil, err
	}
	new := content{size: size, sums: sums, modified: request.GetMtimeUnixNano()}
	switch {
	case size == 0:
	case size <= maxInline:
		new.blob, new.inline = blobs.NewID(), request.GetContent()
	default:
		if new.blob, err = t.seal(request.GetContent()); err != nil {
			return nil, err
		}
	}
	return t.commit(ctx, owner, path, request.GetConditions(), new)
}

// mayWrite tells, before content is brought to disk, whether its write would be refused.
func (t *Tree) mayWrite(ctx context.Context, owner string, path paths.Path, size uint64, c *storageapi.Conditions) error {
	return t.read(ctx, owner, func(x *tx, root node) error {
		at, err := x.locate(root, path)
		if err != nil {
			return err
		}
		return x.mayWrite(&at, size, c)
	})
}

// seal brings content to disk as a blob.
func (t *Tree) seal(data []byte) (blobs.ID, error) {
	id, file, err := t.blobs.Create()
	if err != nil {
		return blobs.ID{}, err
	}
	defer file.Close()
	if _, err := file.Write(data); err != nil {
		t.blobs.Remove(id)
		return blobs.ID{}, fmt.Errorf("write content: %w", err)
	}
	return id, t.blobs.Seal(id, file)
}

// isFile tells whether the content is a blob on disk.
func (c *content) isFile() bool { return c.size > 0 && c.inline == nil }

// commit makes content visible, or removes it. Content that was brought to disk, which may
// have taken longer than who asked for it waits, is made visible all the same.
func (t *Tree) commit(ctx context.Context, owner string, path paths.Path, c *storageapi.Conditions, new content) (*storageapi.WriteResponse, error) {
	if new.isFile() {
		ctx = context.WithoutCancel(ctx)
	}
	var response *storageapi.WriteResponse
	err := t.write(ctx, owner, func(x *tx, root node) error {
		at, err := x.locate(root, path)
		if err != nil {
			return err
		}
		if err := x.mayWrite(&at, new.size, c); err != nil {
			return err
		}
		if response, err = x.store(&at, new); err == nil && new.upload != (blobs.ID{}) {
			err = x.remember(new.upload, owner, response)
		}
		return err
	})
	if err != nil && new.isFile() {
		t.blobs.Remove(new.blob)
	}
	return response, err
}

// store gives the file at, which may be new, its content.
func (x *tx) store(at *place, new content) (*storageapi.WriteResponse, error) {
	created := !at.found
	var n node
	if created {
		entry, err := x.newEntry(false)
		if err != nil {
			return nil, err
		}
		n = node{parent: at.last().entry.ID, name: at.path.Name(), entry: entry}
	} else {
		n = *at.last()
		if err := x.release(n.entry.Blob); err != nil {
			return nil, err
		}
	}
	grown := int64(new.size) - int64(n.entry.Size)
	n.entry.Blob, n.entry.Size = new.blob, new.size
	n.entry.SHA1, n.entry.MD5, n.entry.Adler32 = new.sums.GetSha1(), new.sums.GetMd5(), new.sums.GetAdler32()
	n.entry.Tag, n.entry.Modified = newTag(), new.modified
	if n.entry.Modified == 0 {
		n.entry.Modified = x.now
	}
	if err := x.keep(&new); err != nil {
		return nil, err
	}
	kind := kindWritten
	if created {
		kind = kindCreated
	}
	return x.finish(at, &n, effect{grown: grown, membership: created}, kind)
}

// finish records a node that was made or changed at a place, with all that follows.
func (x *tx) finish(at *place, n *node, e effect, kind string) (*storageapi.WriteResponse, error) {
	if err := x.putNode(n); err != nil {
		return nil, err
	}
	if err := x.touch(at.ancestors(), e); err != nil {
		return nil, err
	}
	if e.grown > 0 {
		if err := x.makeRoom(*at.root()); err != nil {
			return nil, err
		}
	}
	if err := x.emit(kind, at.root().name, &n.entry, at.path, paths.Root); err != nil {
		return nil, err
	}
	entry, err := x.show(at.root().entry.ID, at.path, &n.entry)
	return &storageapi.WriteResponse{Entry: entry, Created: !at.found}, err
}

// MakeDirectory makes an empty directory.
func (t *Tree) MakeDirectory(ctx context.Context, owner string, request *storageapi.MakeDirectoryRequest) (*storageapi.WriteResponse, error) {
	path, err := parse(request.GetPath())
	if err != nil {
		return nil, err
	}
	var response *storageapi.WriteResponse
	err = t.extend(ctx, owner, func(x *tx, root node) error {
		at, err := x.locate(root, path)
		if err != nil {
			return err
		}
		if err := x.holds(&at, request.GetConditions()); err != nil {
			return err
		}
		if at.found {
			return refuse(http.StatusMethodNotAllowed, "%s exists", path)
		}
		if err := x.mayMake(&at, request.GetConditions()); err != nil {
			return err
		}
		entry, err := x.newEntry(true)
		if err != nil {
			return err
		}
		n := node{parent: at.last().entry.ID, name: path.Name(), entry: entry}
		response, err = x.finish(&at, &n, effect{membership: true}, kindCreated)
		return err
	})
	return response, err
}

// sumsOf computes all checksums that clients ask for.
func sumsOf(data []byte) *storageapi.Checksums {
	s, m := sha1.Sum(data), md5.Sum(data)
	return &storageapi.Checksums{
		Sha1:    s[:],
		Md5:     m[:],
		Adler32: binary.BigEndian.AppendUint32(nil, adler32.Checksum(data)),
	}
}

// fitting refuses content whose checksums are not the expected ones.
func fitting(got, want *storageapi.Checksums) error {
	for _, sum := range []struct {
		name      string
		got, want []byte
	}{
		{"SHA1", got.GetSha1(), want.GetSha1()},
		{"MD5", got.GetMd5(), want.GetMd5()},
		{"ADLER32", got.GetAdler32(), want.GetAdler32()},
	} {
		if len(sum.want) > 0 && !bytes.Equal(sum.got, sum.want) {
			return refuse(http.StatusBadRequest, "the content has %s %x, not %x", sum.name, sum.got, sum.want)
		}
	}
	return nil
}
