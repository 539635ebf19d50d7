package logfile

import (
	"bytes"
	"errors"
	"io"
	"time"
)

const (
	chunk   = 64 << 10  // bytes that are read at once
	maxLine = 256 << 10 // a longer line comes in pieces
)

// tail is how far one log was read.
type tail struct {
	service string
	parts   *parts
	at      Position  // after what was read
	moment  time.Time // that the last line belongs to
	unread  []byte    // was read, and not yielded: lines, and the beginning of one
	scanned int       // so much of unread has no line's end
}

// line is a line with the moment that it was written, as far as it says.
type line struct {
	service string
	text    string
	at      time.Time
}

// next returns the next line, if all of it was written. It reads no further when it has
// reached end; the zero position: there is none.
func (t *tail) next(end Position) (line, bool, error) {
	for {
		if n := bytes.IndexByte(t.unread[t.scanned:], '\n'); n >= 0 {
			return t.take(t.scanned + n + 1), true, nil
		}
		if len(t.unread) >= maxLine {
			return t.take(maxLine), true, nil
		}
		t.scanned = len(t.unread)
		if end != (Position{}) && !t.at.before(end) {
			return line{}, false, nil
		}
		buffer := make([]byte, chunk)
		n, at, err := t.parts.read(t.at, buffer)
		if errors.Is(err, io.EOF) {
			t.at = at
			return line{}, false, nil
		}
		if err != nil {
			return line{}, false, err
		}
		t.unread, t.at = append(t.unread, buffer[:n]...), at
	}
}

// take returns the first n bytes as a line.
func (t *tail) take(n int) line {
	text := t.unread[:n]
	t.unread, t.scanned = t.unread[n:], 0
	if written, ok := timeOf(text); ok {
		t.moment = written
	}
	return line{service: t.service, text: string(bytes.TrimRight(text, "\r\n")), at: t.moment}
}

func (p Position) before(other Position) bool {
	return p.part < other.part || p.part == other.part && p.offset < other.offset
}
