package tree

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"

	"go.etcd.io/bbolt"

	"github.com/owncloud/ocis-runtime/services/storage/internal/record"
)

// tx is a transaction: of one reader, or of a batch of changes.
type tx struct {
	tree    *Tree
	bolt    *bbolt.Tx
	entries *bbolt.Bucket
	now     int64  // nanoseconds since 1970, when the change began
	key     []byte // of the last lookup, reused

	// Of the current change.
	dirty bool // has written something

	// Of the batch.
	written bool
	unused  removal
	emitted bool // there are new events
	purging bool // there is something new to purge
}

func newTx(t *Tree, bolt *bbolt.Tx) *tx {
	return &tx{tree: t, bolt: bolt, entries: bolt.Bucket(bucketEntries)}
}

func (x *tx) begin() {
	x.now = x.tree.options.Now().UnixNano()
	x.dirty = false
}

// changes notes that the current change is about to write.
func (x *tx) changes() {
	x.dirty = true
	x.tree.writer.progress.steps.Add(1)
}

func (x *tx) put(bucket *bbolt.Bucket, key, value []byte) error {
	x.changes()
	return bucket.Put(key, value)
}

func (x *tx) delete(bucket *bbolt.Bucket, key []byte) error {
	x.changes()
	return bucket.Delete(key)
}

// next returns a number that bucket has not given out before.
func (x *tx) next(bucket *bbolt.Bucket) (uint64, error) {
	x.changes()
	return bucket.NextSequence()
}

// node is an entry with its key.
type node struct {
	parent uint64
	name   string
	entry  record.Entry
}

func appendEntryKey(b []byte, parent uint64, name string) []byte {
	return append(binary.BigEndian.AppendUint64(b, parent), name...)
}

// get looks up a directory's child. The node is good for as long as the transaction.
func (x *tx) get(parent uint64, name string) (n node, found bool, err error) {
	x.key = appendEntryKey(x.key[:0], parent, name)
	value := x.entries.Get(x.key)
	if value == nil {
		return node{}, false, nil
	}
	entry, err := record.DecodeEntry(value)
	if err != nil {
		return node{}, false, fmt.Errorf("entry %q of folder %d: %w", name, parent, err)
	}
	return node{parent: parent, name: name, entry: entry}, true, nil
}

func (x *tx) putNode(n *node) error {
	return x.put(x.entries, appendEntryKey(nil, n.parent, n.name), n.entry.Encode())
}

func (x *tx) deleteNode(n *node) error {
	return x.delete(x.entries, appendEntryKey(nil, n.parent, n.name))
}

// children calls visit for each child of a directory, by name, until it returns an
// error. visit must not change entries.
func (x *tx) children(directory uint64, visit func(node) error) error {
	cursor := x.entries.Cursor()
	prefix := binary.BigEndian.AppendUint64(nil, directory)
	for key, value := cursor.Seek(prefix); len(key) > len(prefix) && string(key[:len(prefix)]) == string(prefix); key, value = cursor.Next() {
		name := string(key[len(prefix):])
		entry, err := record.DecodeEntry(value)
		if err != nil {
			return fmt.Errorf("entry %q of folder %d: %w", name, directory, err)
		}
		if err := visit(node{parent: directory, name: name, entry: entry}); err != nil {
			return err
		}
	}
	return nil
}

// newEntry returns an entry with an id of its own.
func (x *tx) newEntry(directory bool) (record.Entry, error) {
	id, err := x.next(x.entries)
	return record.Entry{ID: id, Directory: directory, Tag: newTag(), Modified: x.now, Created: x.now}, err
}

// newTag returns what a new etag is made of. Tags are random, so that a database from
// a backup does not give out again what clients have seen since.
func newTag() uint64 { return rand.Uint64() }

// maxOwner bounds a user's id, which is part of a key.
const maxOwner = 255

var errNoRoot = errors.New("the user has no tree yet")

func (x *tx) root(owner string) (node, error) {
	if owner == "" || len(owner) > maxOwner {
		return node{}, refuse(http.StatusUnauthorized, "the request is nobody's")
	}
	root, found, err := x.get(0, owner)
	if err == nil && !found {
		err = errNoRoot
	}
	return root, err
}

// makeRoot returns the owner's root, which it makes on first use.
func (x *tx) makeRoot(owner string) (node, error) {
	root, err := x.root(owner)
	if !errors.Is(err, errNoRoot) {
		return root, err
	}
	entry, err := x.newEntry(true)
	if err != nil {
		return node{}, err
	}
	root = node{parent: 0, name: owner, entry: entry}
	return root, x.putNode(&root)
}

// read runs f with the owner's root in a read transaction.
func (t *Tree) read(ctx context.Context, owner string, f func(x *tx, root node) error) error {
	do := func() error {
		return t.view(func(x *tx) error {
			root, err := x.root(owner)
			if err != nil {
				return err
			}
			return f(x, root)
		})
	}
	err := do()
	if !errors.Is(err, errNoRoot) {
		return err
	}
	if err := t.update(ctx, func(x *tx) error { _, err := x.makeRoot(owner); return err }); err != nil {
		return err
	}
	return do()
}

// write runs f with the owner's root in a change.
func (t *Tree) write(ctx context.Context, owner string, f func(x *tx, root node) error) error {
	return t.update(ctx, func(x *tx) error {
		root, err := x.makeRoot(owner)
		if err != nil {
			return err
		}
		return f(x, root)
	})
}

// extend is write for changes that make the database larger. They end before the disk
// is full: deletions need some of it, too, since bbolt writes changed pages anew.
func (t *Tree) extend(ctx context.Context, owner string, f func(x *tx, root node) error) error {
	if err := t.onDisk(ctx, 1); err != nil {
		return err
	}
	return t.write(ctx, owner, f)
}
