package thumbnails

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	thumbnailsapi "github.com/owncloud/ocis-runtime/services/thumbnails/api"
	"github.com/owncloud/ocis-runtime/services/thumbnails/internal/shelf"
)

// finding is what was found out about a picture of which there will be no preview.
type finding string

// The findings. Their names are on disk.
const (
	notAPicture finding = "not a picture"
	broken      finding = "broken"
	tooLarge    finding = "too large"
	deadly      finding = "deadly" // it ended a process by itself
)

// verdict is a finding as it is kept.
type verdict struct {
	Finding finding `json:"finding"`
	// Of a picture that is too large: limits may grow.
	Pixels int64 `json:"pixels,omitempty"`
	Cost   int64 `json:"cost,omitempty"` // bytes of memory
}

// refusal is the answer to whoever asks for a preview.
func (v verdict) refusal() *thumbnailsapi.Refusal {
	switch v.Finding {
	case notAPicture:
		return &thumbnailsapi.Refusal{Status: http.StatusUnsupportedMediaType, Reason: "this is no picture of a known format"}
	case tooLarge:
		return &thumbnailsapi.Refusal{Status: http.StatusUnprocessableEntity, Reason: "this picture has too many pixels for a preview"}
	case deadly:
		return &thumbnailsapi.Refusal{Status: http.StatusUnprocessableEntity, Reason: "this picture takes too much time or memory to make a preview of it"}
	}
	return &thumbnailsapi.Refusal{Status: http.StatusUnprocessableEntity, Reason: "this picture is damaged, or uses a part of its format that is not supported"}
}

// bounds are what a picture may have.
type bounds struct {
	pixels int64
	cost   int64
}

// holds tells whether a verdict is true within these bounds.
func (v verdict) holds(b bounds) bool {
	return v.Finding != tooLarge || v.Pixels > b.pixels || v.Cost > b.cost
}

// verdicts are those of all processes. Of a picture there is at most one.
type verdicts struct {
	*shelf.Shelf
}

// of returns nil when nothing speaks against a picture.
func (v verdicts) of(key thumbnailsapi.Key, b bounds) (*thumbnailsapi.Refusal, error) {
	content, err := v.Get(string(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for a verdict: %w", err)
	}
	var found verdict
	if err := json.Unmarshal(content, &found); err != nil || !found.holds(b) {
		return nil, nil // what cannot be read is found out again
	}
	return found.refusal(), nil
}

// pronounce remembers a verdict and returns the answer that follows from it.
func (v verdicts) pronounce(key thumbnailsapi.Key, found verdict) error {
	content, err := json.Marshal(found)
	if err == nil {
		err = v.Put(string(key), content)
	}
	if err != nil {
		return fmt.Errorf("remember a verdict: %w", err)
	}
	return found.refusal()
}
