package logfile

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Said is what a line of a log says to people.
type Said struct {
	At    time.Time // zero: the line does not tell
	Level string    // empty: the line does not tell
	Text  string
	More  string // the other fields, such as "method=GET status=200"
}

// apart are the fields that More leaves out: Said has them, or its reader knows them.
var apart = []string{"time", "level", "msg", "error", "service", "instance"}

// Read takes a line apart: of the JSON that services log Text is the message with its
// error, any other line, such as one of a panic, is its own text.
func Read(line string) Said {
	var fields map[string]any
	if json.Unmarshal([]byte(line), &fields) != nil {
		return Said{Text: line}
	}
	text, _ := fields["msg"].(string)
	if text == "" {
		return Said{Text: line}
	}
	if problem, _ := fields["error"].(string); problem != "" {
		text += ": " + problem
	}
	said := Said{Text: text}
	said.Level, _ = fields["level"].(string)
	if at, ok := fields["time"].(string); ok {
		said.At, _ = time.Parse(time.RFC3339, at) // zero when it is no time
	}
	var more []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(apart, name) {
			more = append(more, fmt.Sprintf("%s=%v", name, fields[name]))
		}
	}
	said.More = strings.Join(more, " ")
	return said
}
