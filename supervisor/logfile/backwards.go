package logfile

import (
	"bytes"
	"errors"
	"io"
	"time"
)

// start returns where the lines begin that a query asks for, searching back from end, and
// the moment that they belong to until one of them names its own. The search ends at the
// first line that is too old.
func (p *parts) start(query Query, end Position) (begin Position, moment time.Time, err error) {
	if query.Lines == 0 && query.Since.IsZero() {
		return p.oldest(), time.Time{}, nil
	}
	begin = end
	candidate, count, enough, tooOld := end, 0, false, false
	err = p.backwards(end, func(at Position, text []byte) bool {
		if candidate == end && text[len(text)-1] != '\n' {
			return true // its end was not written yet
		}
		if !enough {
			candidate = at
			count++
			enough = count == query.Lines
		}
		written, ok := timeOf(text)
		if !ok { // it belongs to the moment of a line before
			return true
		}
		if tooOld = written.Before(query.Since); tooOld {
			return false
		}
		begin, moment = candidate, written
		return !enough
	})
	if !tooOld && query.Since.IsZero() {
		begin = candidate // also without any moment
	}
	return begin, moment, err
}

// backwards yields the lines before a position, the newest first, each with where it
// begins, until yield returns false. A line that is longer than maxLine comes in pieces;
// so does one that was being written when the log was cut.
func (p *parts) backwards(end Position, yield func(at Position, text []byte) bool) error {
	buffer := make([]byte, maxLine)
	for {
		data, from, err := p.readBefore(end, buffer)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		whole := 0 // where the first line begins that the buffer has all of
		if len(data) == len(buffer) {
			if n := bytes.IndexByte(data, '\n') + 1; n < len(data) {
				whole = n
			}
		}
		for rest := data; len(rest) > whole; {
			begin := max(whole, bytes.LastIndexByte(rest[:len(rest)-1], '\n')+1)
			if !yield(Position{part: from.part, offset: from.offset + int64(begin)}, rest[begin:]) {
				return nil
			}
			rest = rest[:begin]
		}
		end = Position{part: from.part, offset: from.offset + int64(whole)}
	}
}

// timeOf returns the moment that a JSON line was written at. Other lines, such as those of
// a panic, name none. Within a JSON string the quotes of the key would be escaped.
func timeOf(text []byte) (time.Time, bool) {
	if len(text) == 0 || text[0] != '{' {
		return time.Time{}, false
	}
	_, value, ok := bytes.Cut(text, []byte(`"time":"`))
	if !ok {
		return time.Time{}, false
	}
	value, _, _ = bytes.Cut(value, []byte(`"`))
	written, err := time.Parse(time.RFC3339Nano, string(value))
	return written, err == nil
}
