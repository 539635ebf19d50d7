package print

import (
	"fmt"
	"os"
	"sync"
)

// Output is a file that remembers the first write that failed, so that a command which
// printed into a full disk does not end as if all were well. It is safe for concurrent use.
type Output struct {
	file *os.File

	mu  sync.Mutex
	err error
}

// NewOutput returns an Output to file.
func NewOutput(file *os.File) *Output { return &Output{file: file} }

// Write implements io.Writer.
func (o *Output) Write(data []byte) (int, error) {
	n, err := o.file.Write(data)
	if err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.err == nil {
			o.err = fmt.Errorf("not all could be printed: %w", err)
		}
	}
	return n, err
}

// Err returns what the first failed write failed with.
func (o *Output) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}
