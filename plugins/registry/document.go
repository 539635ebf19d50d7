package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/owncloud/ocis-runtime/plugins"
)

// Incarnation is the key of a node's metadata that tells one start of a process from the
// next: a replacement has the address and the id of its predecessor. A node whose process
// nobody supervises has none.
const Incarnation = "incarnation"

// Document is everything that one writer has to announce.
type Document struct {
	Writer   string                 `json:"writer"`   // unique: a machine's name, or an instance started by hand
	Epoch    string                 `json:"epoch"`    // unique: a writer that starts anew begins another one
	Sequence uint64                 `json:"sequence"` // grows with each change in an epoch
	Nodes    []plugins.Registration `json:"nodes"`
	// Stopped are the services that the writer keeps, and that will not come back by
	// themselves: who asks for them need not wait.
	Stopped []string `json:"stopped,omitempty"`
}

// replaces tells whether d is to be taken in place of what is known of its writer. No
// clock is asked, since clocks are set back. Within an epoch the later change counts. Of
// two epochs the one that is heard later counts: a writer starts when its predecessor is
// gone, so what it says comes after all that was said before.
func (d Document) replaces(known Document) bool {
	return d.Epoch != known.Epoch || d.Sequence > known.Sequence
}

// Keeps begins the keys of a runtime's own metadata that name the services it keeps; their
// values are the summaries. Who is not ready is in no other node.
const Keeps = "keeps."

func decodeDocument(data []byte) (Document, error) {
	var d Document
	if err := json.Unmarshal(data, &d); err != nil {
		return Document{}, fmt.Errorf("registry document: %w", err)
	}
	if d.Writer == "" {
		return Document{}, errors.New("registry document: it names no writer")
	}
	return d, nil
}

// snapshotPath is where the supervisor leaves its newest document.
func snapshotPath(dir string) string { return filepath.Join(dir, "registry.json") }

// writeSnapshot replaces the snapshot. It is not synced to disk: a document does not
// outlive the boot of its machine.
func writeSnapshot(dir string, d Document) error {
	data, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("registry snapshot: %w", err)
	}
	path := snapshotPath(dir)
	next := path + ".next"
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return fmt.Errorf("registry snapshot: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("registry snapshot: %w", err)
	}
	return nil
}

// readSnapshot returns the supervisor's newest document; ok is false when there is none.
func readSnapshot(dir string) (d Document, ok bool, err error) {
	data, err := os.ReadFile(snapshotPath(dir))
	if errors.Is(err, os.ErrNotExist) {
		return Document{}, false, nil
	}
	if err != nil {
		return Document{}, false, fmt.Errorf("registry snapshot: %w", err)
	}
	d, err = decodeDocument(data)
	return d, err == nil, err
}
