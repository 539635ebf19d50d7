package blobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/google/uuid"
)

// sweepBatch is how many names Sweep handles at once.
const sweepBatch = 1024

// Sweep removes the blobs of former processes that unused, which is asked for a batch
// at a time, returns: what a process was writing, or about to use, when it was killed.
// It needs no lock, since it looks only at what is older than this process; and what
// is that old and not in use will never be. It returns how many files it removed, and
// ends early with ctx.
func (s *Store) Sweep(ctx context.Context, unused func([]ID) ([]ID, error)) (removed int, err error) {
	for n := 0; n < shards && err == nil; n++ {
		var here int
		here, err = s.sweepFolder(ctx, s.shardPath(byte(n)), unused)
		removed += here
	}
	return removed, err
}

func (s *Store) sweepFolder(ctx context.Context, path string, unused func([]ID) ([]ID, error)) (removed int, err error) {
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
		doomed, err := unused(s.older(names))
		if err != nil {
			return removed, err
		}
		for _, id := range doomed {
			if err := s.Remove(id); err != nil && !errors.Is(err, os.ErrNotExist) {
				return removed, fmt.Errorf("sweep: %w", err)
			}
			removed++
		}
	}
	return removed, ctx.Err()
}

// older returns the ids among names that a former process made.
func (s *Store) older(names []string) []ID {
	ids := make([]ID, 0, len(names))
	for _, name := range names {
		id, err := uuid.Parse(name)
		if err == nil && bytes.Compare(id[:], s.oldest[:]) < 0 {
			ids = append(ids, ID(id))
		}
	}
	return ids
}
