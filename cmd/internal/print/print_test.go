package print

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTablesAreAlignedAndWithoutColoursInAPipe(t *testing.T) {
	var out strings.Builder
	Table(&out, []string{"NAME", "N"}, [][]Cell{{Text("ä"), Text("1")}, {{Text: "longer", Color: Red}, Text("22")}})
	want := "NAME   N\nä      1\nlonger 22\n"
	if out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
}

func TestLongTextIsWrappedAtSpacesAndItsLinesIndented(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"short":         {"  state      ready", "  state      ready\n"},
		"exactly":       {strings.Repeat("a", 40) + " " + strings.Repeat("ä", 39), strings.Repeat("a", 40) + " " + strings.Repeat("ä", 39) + "\n"},
		"too long":      {strings.Repeat("a", 40) + " " + strings.Repeat("b", 40) + " c", strings.Repeat("a", 40) + "\n    " + strings.Repeat("b", 40) + " c\n"},
		"one long word": {"at " + strings.Repeat("a", 100) + " b", "at\n    " + strings.Repeat("a", 100) + "\n    b\n"},
	} {
		var out strings.Builder
		Wrap(&out, test.text, 4)
		if out.String() != test.want {
			t.Errorf("%s: got\n%swant\n%s", name, out.String(), test.want)
		}
	}
}

func TestSizesAndTimesAreShort(t *testing.T) {
	for n, want := range map[uint64]string{0: "0B", 1023: "1023B", 1536: "1.5K", 200 << 20: "200M", 1 << 40: "1.0T"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		350 * time.Millisecond: "350ms", 12 * time.Second: "12s", 250 * time.Second: "4m10s", 192 * time.Minute: "3h12m", 123 * time.Hour: "5d3h",
	} {
		if got := Duration(d); got != want {
			t.Errorf("%s is %s, want %s", d, got, want)
		}
	}
}

func TestWhatServicesSayDoesNotSteerTheTerminal(t *testing.T) {
	for text, want := range map[string]string{
		"plain, ä\tand \n":                        "plain, ä\tand \n",
		string(Red) + "ours" + reset:              string(Red) + "ours" + reset,
		"\x1b]0;title\x07\x1b[2Jgone\r\x00\u009b": "\ufffd]0;title\ufffd\ufffd[2Jgone\ufffd\ufffd\ufffd",
		"no text: \xff":                           "no text: \xff",
	} {
		file, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		n, err := NewOutput(file).Write([]byte(text))
		file.Close()
		got, readErr := os.ReadFile(file.Name())
		if err != nil || readErr != nil || n != len(text) || string(got) != want {
			t.Errorf("%q is printed as %q (%d, %v, %v), want %q", text, got, n, err, readErr, want)
		}
	}
}
