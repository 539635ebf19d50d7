package blobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
)

// sweepBatch is how many names Sweep handles at once.
const sweepBatch = 1024

// Sweep removes the blobs that former processes did not finish, and hands those that
// they did to finished, a batch at a time: it is the caller who knows which of them are
// in use. It leaves alone those that are in the making. It needs no lock, since it looks
// only at what is older than this process. It returns how many files it removed, and ends
// early with ctx or an error of finished.
func (s *Store) Sweep(ctx context.Context, making func(ID) bool, finished func([]ID) error) (removed int, err error) {
	for n := 0; n < shards && err == nil; n++ {
		var here int
		here, err = s.sweepFolder(ctx, s.shardPath(byte(n)), making, finished)
		removed += here
	}
	return removed, err
}

func (s *Store) sweepFolder(ctx context.Context, path string, making func(ID) bool, finished func([]ID) error) (removed int, err error) {
	folder, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer folder.Close()
	for ctx.Err() == nil {
		names, err := folder.Readdirnames(sweepBatch)
		if len(names) == 0 {
			return removed, nil // io.EOF, or nothing more can be read
		}
		if err != nil {
			return removed, err
		}
		whole, halves := s.older(names, making)
		for _, name := range halves {
			if err := os.Remove(filepath.Join(path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return removed, fmt.Errorf("sweep: %w", err)
			}
			removed++
		}
		if err := finished(whole); err != nil {
			return removed, err
		}
	}
	return removed, ctx.Err()
}

// older returns, of what a former process made and nobody makes any more, the ids of
// finished blobs and the names of others.
func (s *Store) older(names []string, making func(ID) bool) (whole []ID, halves []string) {
	for _, name := range names {
		text, half := strings.CutSuffix(name, unfinished)
		id, err := uuid.Parse(text)
		switch {
		case err != nil || bytes.Compare(id[:], s.oldest[:]) >= 0 || making(ID(id)):
		case half:
			halves = append(halves, name)
		default:
			whole = append(whole, ID(id))
		}
	}
	return whole, halves
}
