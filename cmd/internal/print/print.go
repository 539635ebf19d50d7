// Package print writes what the commands show to people and to programs.
//
// It owns tables that fit a terminal of 80 columns, colours (only on a terminal, and
// not with NO_COLOR), and JSON. It leaves to each command what is shown.
package print

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/owncloud/ocis-runtime/plugins/logging"
)

// Color is an ANSI escape sequence.
type Color string

// The colours in use.
const (
	Plain  Color = ""
	Green  Color = "\x1b[32m"
	Yellow Color = "\x1b[33m"
	Red    Color = "\x1b[31m"
	Dim    Color = "\x1b[2m"
	reset        = "\x1b[0m"
)

// JSON writes value for programs.
func JSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// Line writes value as one line of JSON.
func Line(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// Cell is a table's cell.
type Cell struct {
	Text  string
	Color Color
}

// Text returns a plain cell.
func Text(text string) Cell { return Cell{Text: text} }

// Table writes rows below a header, in columns as wide as needed.
func Table(out io.Writer, header []string, rows [][]Cell) {
	widths := make([]int, len(header))
	for i, title := range header {
		widths[i] = utf8.RuneCountInString(title)
	}
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell.Text))
		}
	}
	colored := Colored(out)
	titles := make([]Cell, len(header))
	for i, title := range header {
		titles[i] = Cell{Text: title, Color: Dim}
	}
	for _, row := range append([][]Cell{titles}, rows...) {
		var line strings.Builder
		for i, cell := range row {
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell.Text))
			if i == len(row)-1 {
				padding = ""
			} else {
				padding += " "
			}
			line.WriteString(paint(cell, colored) + padding)
		}
		fmt.Fprintln(out, strings.TrimRight(line.String(), " "))
	}
}

// Paint returns text in a colour if out is a terminal that wants it.
func Paint(out io.Writer, text string, color Color) string {
	return paint(Cell{Text: text, Color: color}, Colored(out))
}

func paint(cell Cell, colored bool) string {
	if !colored || cell.Color == Plain || cell.Text == "" {
		return cell.Text
	}
	return string(cell.Color) + cell.Text + reset
}

// Colored tells whether out takes colours.
func Colored(out io.Writer) bool {
	file, ok := out.(*os.File)
	if output, wrapped := out.(*Output); wrapped {
		file, ok = output.file, true
	}
	return ok && logging.IsTerminal(file) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// Width is how many columns everything fits that is printed for people.
const Width = 80

// Wrap writes text in lines of at most Width columns, broken at spaces, of which all but
// the first are indented. A word that is too long has a line of its own.
func Wrap(out io.Writer, text string, indent int) {
	column := 0
	var lines strings.Builder
	for n, word := range strings.Split(text, " ") {
		width := utf8.RuneCountInString(word)
		switch {
		case n == 0:
		case column+1+width > Width:
			lines.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			lines.WriteByte(' ')
			column++
		}
		lines.WriteString(word)
		column += width
	}
	fmt.Fprintln(out, lines.String())
}

// Shorten returns text in at most that many columns, with an ellipsis where it is cut.
func Shorten(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// Bytes writes a size in few characters: 512B, 12.3M.
func Bytes(n uint64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%dB", n)
	}
	value, unit := float64(n)/1024, 0
	for value >= 1024 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	if value >= 100 {
		return fmt.Sprintf("%.0f%c", value, units[unit])
	}
	return fmt.Sprintf("%.1f%c", value, units[unit])
}

// Duration writes a time in few characters: 350ms, 12s, 4m10s, 3h12m, 5d3h.
func Duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}
