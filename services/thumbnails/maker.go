package thumbnails

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"time"

	"github.com/sirupsen/logrus"

	thumbnailsapi "github.com/owncloud/ocis-runtime/services/thumbnails/api"
	"github.com/owncloud/ocis-runtime/services/thumbnails/internal/picture"
	"github.com/owncloud/ocis-runtime/services/thumbnails/internal/shelf"
	"github.com/owncloud/ocis-runtime/services/thumbnails/internal/trials"
)

const (
	// maxFiles bounds the previews, and the verdicts.
	maxFiles = 200_000
	// previewLifetime is how long a preview is kept that nobody looks at.
	previewLifetime = 90 * 24 * time.Hour
	// verdictLifetime is how long a picture is not tried again. Decoders get better.
	verdictLifetime = 30 * 24 * time.Hour
	verdictBytes    = 64 << 20
	// maxWaiting bounds how long a picture waits for its turn.
	maxWaiting = 20 * time.Second
)

// decoder reads a picture whose header is known.
type decoder func(picture.Header, picture.Source) (image.Image, error)

// maker makes previews.
type maker struct {
	previews *shelf.Shelf
	verdicts verdicts
	trials   *trials.Folder
	intake   *intake
	memory   *memory
	pixels   int64
	timeout  time.Duration
	decode   decoder
	log      *logrus.Entry
}

func newMaker(folder string, settings Settings, decode decoder, log *logrus.Entry) (*maker, error) {
	previews, err := shelf.Open(filepath.Join(folder, "previews"), shelf.Limits{Bytes: int64(settings.CacheSize), Files: maxFiles, Lifetime: previewLifetime})
	if err != nil {
		return nil, unusable(folder, err)
	}
	known, err := shelf.Open(filepath.Join(folder, "verdicts"), shelf.Limits{Bytes: verdictBytes, Files: maxFiles, Lifetime: verdictLifetime})
	if err != nil {
		return nil, unusable(folder, err)
	}
	markers, err := trials.Open(filepath.Join(folder, "trials"))
	if err != nil {
		return nil, unusable(folder, err)
	}
	content, err := newIntake(filepath.Join(folder, "incoming"))
	if err != nil {
		return nil, unusable(folder, err)
	}
	return &maker{
		previews: previews, verdicts: verdicts{known}, trials: markers, intake: content,
		memory: newMemory(), pixels: int64(settings.MaxPixels), timeout: settings.DecodeTimeout,
		decode: decode, log: log,
	}, nil
}

// unusable says that the service cannot work in its data folder.
func unusable(folder string, err error) error {
	return fmt.Errorf("the data folder %s cannot be used: %w; make it writable for this user", folder, err)
}

// errUnknown is the answer when there is no preview yet, and no content.
var errUnknown = &thumbnailsapi.Refusal{Status: http.StatusNotFound, Reason: "there is no preview of this picture yet"}

func (m *maker) bounds() bounds { return bounds{pixels: m.pixels, cost: m.memory.most()} }

// known returns the preview, or the verdict, that is there. Its errors are Refusals unless
// the disk fails.
func (m *maker) known(key thumbnailsapi.Key, mode thumbnailsapi.Mode) ([]byte, error) {
	preview, err := m.previews.Use(thumbnailsapi.Etag(key, mode))
	if !errors.Is(err, fs.ErrNotExist) {
		return preview, err
	}
	refusal, err := m.verdicts.of(key, m.bounds())
	switch {
	case err != nil:
		return nil, err
	case refusal != nil:
		return nil, refusal
	}
	return nil, errUnknown
}

// job is a preview that is being made.
type job struct {
	key   thumbnailsapi.Key
	mode  thumbnailsapi.Mode
	taken *taken
	kind  thumbnailsapi.Kind
	trial *trials.Trial
	place *place
}

// make returns a preview of content, whose size is known. The process may end in it.
func (m *maker) make(ctx context.Context, key thumbnailsapi.Key, mode thumbnailsapi.Mode, content io.Reader, size int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, maxWaiting)
	defer cancel()
	j := job{key: key, mode: mode, place: m.memory.place()}
	var err error
	if j.taken, err = m.intake.take(ctx, key, content, size); err != nil {
		return nil, err
	}
	defer j.taken.release()
	if j.kind, err = j.taken.kind(); err != nil {
		return nil, err
	}
	if j.kind == "" {
		return nil, m.verdicts.pronounce(key, verdict{Finding: notAPicture})
	}
	j.trial, err = m.trials.Begin(ctx, string(key))
	if j.trial == nil {
		return nil, late(ctx, err)
	}
	// Only when the trial has ended another picture may begin to end the process.
	defer j.place.leave()
	preview, err := m.try(ctx, j, err)
	return preview, errors.Join(err, settle(j.trial, err))
}

// try makes the preview of a trial that has begun, with that error.
func (m *maker) try(ctx context.Context, j job, begun error) ([]byte, error) {
	if errors.Is(begun, trials.ErrDeadly) {
		m.log.WithField("picture", j.key).Warn("a picture that ended a process by itself will not be tried again")
		return nil, m.verdicts.pronounce(j.key, verdict{Finding: deadly})
	}
	// Another may just have made it, or found out that it cannot be made.
	if preview, err := m.known(j.key, j.mode); err != errUnknown {
		return preview, err
	}
	if j.trial.Suspect {
		if err := j.place.takeAll(ctx); err != nil {
			return nil, err
		}
		m.log.WithField("picture", j.key).Warn("a process ended during this picture: it is tried once more, alone")
		if err := j.trial.Alone(); err != nil {
			return nil, err
		}
	} else if err := j.place.take(ctx, headerBytes); err != nil {
		return nil, err
	}
	header, err := m.examine(j)
	if err != nil {
		return nil, err
	}
	if !j.trial.Suspect {
		j.place.leave() // who keeps a part while waiting for more may wait for another who does
		if err := j.place.take(ctx, header.Cost(j.mode)); err != nil {
			return nil, err
		}
	}
	return m.keep(j, m.run(j, header))
}

// settle ends a trial. Only who knows more of the picture now takes a suspicion from it.
func settle(trial *trials.Trial, err error) error {
	var refusal *thumbnailsapi.Refusal
	if err == nil || errors.As(err, &refusal) && refusal.Status == http.StatusUnprocessableEntity {
		return trial.End()
	}
	return trial.Withdraw()
}

// examine reads the header of a picture, and compares it with the bounds.
func (m *maker) examine(j job) (picture.Header, error) {
	header, err := picture.ReadHeader(j.kind, j.taken.source())
	if err != nil {
		return header, m.verdicts.pronounce(j.key, verdict{Finding: broken})
	}
	size := verdict{Finding: tooLarge, Pixels: header.Pixels(), Cost: header.DecodeCost()}
	switch {
	case size.holds(m.bounds()):
		return header, m.verdicts.pronounce(j.key, size)
	case header.Cost(j.mode) > m.memory.most(): // a smaller preview may be possible
		return header, size.refusal()
	}
	return header, nil
}

// outcome is what became of a picture.
type outcome struct {
	preview []byte
	err     error
}

// run decodes and scales. A decoder cannot be interrupted: when it takes too long, or too
// much, the process ends with it, and the marker of the trial stays.
func (m *maker) run(j job, h picture.Header) outcome {
	done := make(chan outcome, 1)
	go func() {
		decoded, err := m.decode(h, j.taken.source())
		if err != nil {
			done <- outcome{err: err}
			return
		}
		preview, err := picture.Preview(h, decoded, j.mode)
		done <- outcome{preview: preview, err: err}
	}()
	expired := time.NewTimer(m.timeout)
	defer expired.Stop()
	look := time.NewTicker(memoryInterval)
	defer look.Stop()
	log := m.log.WithFields(logrus.Fields{"picture": j.key, "kind": h.Kind, "width": h.Width, "height": h.Height})
	for {
		select {
		case result := <-done:
			return result
		case <-expired.C:
			log.Fatalf("a picture takes longer than %s: starting over", m.timeout)
		case <-look.C:
			if used, most := m.memory.used(), m.memory.deadly(); used > most {
				log.Fatalf("pictures take %d MiB of memory, more than %d: starting over", used>>20, most>>20)
			}
		}
	}
}

// keep remembers what came of a picture.
func (m *maker) keep(j job, result outcome) ([]byte, error) {
	if result.err != nil {
		m.log.WithError(result.err).WithField("picture", j.key).Info("no preview can be made of a picture")
		return nil, m.verdicts.pronounce(j.key, verdict{Finding: broken})
	}
	if err := m.previews.Put(thumbnailsapi.Etag(j.key, j.mode), result.preview); err != nil {
		m.log.WithError(err).Warn("a preview is not kept")
	}
	return result.preview, nil
}
