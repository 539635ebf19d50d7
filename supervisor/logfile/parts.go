package logfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
)

// parts are the files of one log, NAME and the older ones, as one sequence: each file has
// a number, which it keeps when Bound moves its content on. So a reader's position stays
// right however often the log is cut while somebody reads.
type parts struct {
	path string

	mu      sync.Mutex    // held while files are moved, and while they are opened and read
	newest  int           // the number of the file that is written to; NAME.1 has the one before
	dropped map[int]int64 // bytes that were left out at the beginning of a file
}

// known are the parts of every log, by path: who bounds a log and who reads it are
// different callers in one process.
var known sync.Map

func partsOf(path string) *parts {
	p, _ := known.LoadOrStore(path, &parts{path: path, dropped: map[int]int64{}})
	return p.(*parts)
}

// Position is a place in a log, as long as this process lives; the zero one is where the log
// begins. It stays right when the log is cut.
type Position struct {
	part   int
	offset int64 // as it was when the part was written to
}

// cut notes that the newest part was moved to NAME.1. The caller holds the lock.
func (p *parts) cut(dropped int64, kept int) {
	if dropped > 0 {
		p.dropped[p.newest] = dropped
	}
	delete(p.dropped, p.newest-kept)
	p.newest++
}

// name returns the file of a part. The caller holds the lock.
func (p *parts) name(part int) string {
	if part == p.newest {
		return p.path
	}
	return older(p.path, p.newest-part)
}

// oldest returns where the log begins.
func (p *parts) oldest() Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Position{part: p.first()}
}

// first returns the oldest part of which there is a file. The caller holds the lock.
func (p *parts) first() int {
	first := p.newest
	for {
		if _, err := os.Stat(p.name(first - 1)); err != nil {
			return first
		}
		first--
	}
}

// end returns where the log ends now.
func (p *parts) end() Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Position{part: p.newest, offset: Size(p.path)}
}

// within returns the bounds of what was written between two positions. When somebody else
// emptied the file in between, that is everything.
func (p *parts) within(from, to Position) (Position, Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	end := func(part int) Position { return Position{part: part, offset: p.dropped[part] + Size(p.name(part))} }
	if to == (Position{}) {
		to = end(p.newest)
	}
	if end(to.part).before(to) {
		to = end(to.part)
	}
	if to.before(from) || end(from.part).before(from) {
		from.offset = 0
	}
	return from, to
}

// read fills the buffer with what follows a position, as far as there is something, and
// returns the position after it. io.EOF: nothing follows yet.
func (p *parts) read(at Position, buffer []byte) (n int, next Position, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if first := p.first(); at.part < first { // what followed is gone
		at = Position{part: first}
	}
	for {
		if n, next, err = p.readPart(at, buffer); n > 0 || !errors.Is(err, io.EOF) || at.part >= p.newest {
			return n, next, err
		}
		at = Position{part: at.part + 1}
	}
}

// readPart is read within a part. The caller holds the lock.
func (p *parts) readPart(at Position, buffer []byte) (n int, next Position, err error) {
	file, err := os.Open(p.name(at.part))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, at, io.EOF
	}
	if err != nil {
		return 0, at, fmt.Errorf("read the log: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, at, fmt.Errorf("read the log: %w", err)
	}
	dropped := p.dropped[at.part]
	at.offset = max(at.offset, dropped)
	if at.offset > dropped+info.Size() { // somebody else emptied it
		at.offset = dropped
	}
	n, err = file.ReadAt(buffer, at.offset-dropped)
	at.offset += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, at, fmt.Errorf("read the log: %w", err)
	}
	if n == 0 {
		return 0, at, io.EOF
	}
	return n, at, nil
}

// readBefore fills the end of the buffer with what precedes a position, within one part,
// and returns where that begins. io.EOF: nothing precedes it.
func (p *parts) readBefore(at Position, buffer []byte) (data []byte, from Position, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for at.offset <= p.dropped[at.part] {
		if at.part <= p.first() {
			return nil, at, io.EOF
		}
		at.part--
		at.offset = p.dropped[at.part] + Size(p.name(at.part))
	}
	length := min(at.offset-p.dropped[at.part], int64(len(buffer)))
	from = Position{part: at.part, offset: at.offset - length}
	n, _, err := p.readPart(from, buffer[:length])
	if errors.Is(err, io.EOF) { // it was emptied or removed meanwhile
		return nil, at, io.EOF
	}
	return buffer[:n], from, err
}
