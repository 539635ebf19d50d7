// Package stray brings what libraries print on their own into the log of a process, so
// that every line of a log has the log's form.
//
// It owns the standard library's default logger, with which go-plugin and nats speak, and
// os.Stderr, to which yamux makes a logger for each of its sessions. Descriptor 2 itself
// stays what it is: Go writes there why a process ends.
package stray

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
)

// maxLine bounds a line of os.Stderr; a longer one is broken in pieces.
const maxLine = 64 << 10

// lines makes a warning of each line that is written.
type lines struct {
	to *logrus.Entry
}

// Write implements io.Writer. It does not fail: when the log cannot be written there is
// nobody to tell. logrus would tell os.Stderr, which may be captured and come back here.
func (l lines) Write(text []byte) (int, error) {
	if !l.to.Logger.IsLevelEnabled(logrus.WarnLevel) {
		return len(text), nil
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		entry := l.to.WithField("origin", "library").WithTime(time.Now())
		entry.Level, entry.Message = logrus.WarnLevel, line
		if formatted, err := entry.Bytes(); err == nil {
			_, _ = l.to.Logger.Out.Write(formatted)
		}
	}
	return len(text), nil
}

// CaptureLog sends what is printed with package log to entry's log.
func CaptureLog(entry *logrus.Entry) {
	log.SetFlags(0) // the time is entry's
	log.SetOutput(lines{entry})
}

// CaptureStderr replaces os.Stderr by a pipe whose lines go to entry's log, which must
// write to the real one. release puts it back, once what was written is in the log. It is
// for main, before and after all that may print.
func CaptureStderr(entry *logrus.Entry) (release func(), err error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("capture standard error: %w", err)
	}
	real, done := os.Stderr, make(chan struct{})
	os.Stderr = writer
	go func() {
		defer close(done)
		scanner := bufio.NewReaderSize(reader, maxLine)
		for {
			line, _, err := scanner.ReadLine()
			if err != nil {
				return
			}
			_, _ = lines{entry}.Write(line)
		}
	}()
	return func() {
		os.Stderr = real
		writer.Close()
		<-done
		reader.Close()
	}, nil
}
