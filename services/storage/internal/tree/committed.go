package tree

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"time"

	"go.etcd.io/bbolt"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/blobs"
	"github.com/owncloud/ocis-runtime/services/storage/internal/record"
)

// Who commits an upload, and loses the answer with the process that was about to give it,
// asks its successor. So a commit writes its own answer down, in the same transaction.

const (
	// keepCommitted is how long answers are kept: much longer than anybody asks again.
	keepCommitted = 15 * time.Minute
	// forgetBatch is how many of them a commit removes that are older: more than it adds.
	forgetBatch = 16
)

var errGone = refuse(http.StatusNotFound, "the upload is gone: begin again")

// remember notes how an upload was answered. Databases of older programs do not have the
// bucket.
func (x *tx) remember(upload blobs.ID, owner string, response *storageapi.WriteResponse) error {
	x.changes()
	bucket, err := x.bolt.CreateBucketIfNotExists(bucketCommitted)
	if err != nil {
		return err
	}
	if err := x.forgetCommitted(bucket); err != nil {
		return err
	}
	answer := record.Committed{Owner: owner, Response: response}
	value, err := answer.Encode()
	if err != nil {
		return err
	}
	return x.put(bucket, append(binary.BigEndian.AppendUint64(nil, uint64(x.now)), upload[:]...), value)
}

// forgetCommitted removes some of what is too old. Keys begin with the time.
func (x *tx) forgetCommitted(bucket *bbolt.Bucket) error {
	before := binary.BigEndian.AppendUint64(nil, uint64(x.now-int64(keepCommitted)))
	cursor := bucket.Cursor()
	key, _ := cursor.First()
	for n := 0; n < forgetBatch && key != nil && bytes.Compare(key, before) < 0; n++ {
		if err := x.delete(bucket, bytes.Clone(key)); err != nil {
			return err
		}
		key, _ = cursor.First()
	}
	return nil
}

// committed returns how an upload was answered, nil: it was not committed. It is asked for
// after a restart and hardly else, about something recent.
func (x *tx) committed(upload blobs.ID) (*record.Committed, error) {
	bucket := x.bolt.Bucket(bucketCommitted)
	if bucket == nil {
		return nil, nil
	}
	cursor := bucket.Cursor()
	for key, value := cursor.Last(); key != nil; key, value = cursor.Prev() {
		if bytes.HasSuffix(key, upload[:]) {
			answer, err := record.DecodeCommitted(value)
			return &answer, err
		}
	}
	return nil, nil
}

// answerAgain returns the answer to a commit that was made before.
func (t *Tree) answerAgain(owner string, upload blobs.ID) (response *storageapi.WriteResponse, err error) {
	err = t.view(func(x *tx) error {
		answer, err := x.committed(upload)
		if err == nil && (answer == nil || answer.Owner != owner) {
			err = errGone
		}
		if err == nil {
			response = answer.Response
		}
		return err
	})
	return response, err
}
