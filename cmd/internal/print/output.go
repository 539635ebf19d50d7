package print

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Output is a file that remembers the first write that failed, so that a command which
// printed into a full disk does not end as if all were well. What services say is shown, and
// one that is taken over says what moves a terminal's cursor: of control characters, only
// the ends of lines, tabs and our colours arrive. It is safe for concurrent use.
type Output struct {
	file *os.File

	mu  sync.Mutex
	err error
}

// NewOutput returns an Output to file.
func NewOutput(file *os.File) *Output { return &Output{file: file} }

// Write implements io.Writer.
func (o *Output) Write(data []byte) (int, error) {
	_, err := o.file.WriteString(harmless(string(data)))
	if err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.err == nil {
			o.err = fmt.Errorf("not all could be printed: %w", err)
		}
		return 0, err
	}
	return len(data), nil
}

// harmless returns text in which control characters are replaced by signs that are seen.
func harmless(text string) string {
	var kept strings.Builder
	for text != "" {
		length := len(leadingColor(text))
		if length == 0 {
			var r rune
			r, length = utf8.DecodeRuneInString(text)
			if unicode.IsControl(r) && r != '\n' && r != '\t' {
				kept.WriteRune(unicode.ReplacementChar)
				text = text[length:]
				continue
			}
		}
		kept.WriteString(text[:length])
		text = text[length:]
	}
	return kept.String()
}

// leadingColor returns the colour that text begins with, or "".
func leadingColor(text string) string {
	if text[0] != reset[0] {
		return ""
	}
	for _, color := range []string{string(Green), string(Yellow), string(Red), string(Dim), reset} {
		if strings.HasPrefix(text, color) {
			return color
		}
	}
	return ""
}

// Err returns what the first failed write failed with.
func (o *Output) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}
