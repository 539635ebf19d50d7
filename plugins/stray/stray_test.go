package stray

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sirupsen/logrus"
)

// messages returns what a log in JSON says.
func messages(t *testing.T, logged *bytes.Buffer) (said []string) {
	t.Helper()
	for line := range strings.Lines(logged.String()) {
		var entry struct{ Level, Msg, Service string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Level != "warning" || entry.Service != "web" {
			t.Errorf("%v: %s", err, line)
		}
		said = append(said, entry.Msg)
	}
	return said
}

func newLog() (*bytes.Buffer, *logrus.Entry) {
	var logged bytes.Buffer
	logger := logrus.New()
	logger.SetOutput(&logged)
	logger.SetFormatter(&logrus.JSONFormatter{})
	return &logged, logger.WithField("service", "web")
}

// broken is a log that cannot be written, like one whose reader has gone.
type broken struct{ tries atomic.Int64 }

func (b *broken) Write([]byte) (int, error) {
	b.tries.Add(1)
	return 0, os.ErrClosed
}

func TestALogThatCannotBeWrittenIsNotToldOfItForEver(t *testing.T) {
	logger, out := logrus.New(), &broken{}
	logger.SetOutput(out)
	release, err := CaptureStderr(logrus.NewEntry(logger))
	if err != nil {
		t.Fatal(err)
	}
	logger.Warn("nobody reads this") // and logrus says so on os.Stderr
	release()
	if tries := out.tries.Load(); tries != 2 {
		t.Errorf("it was tried %d times, want 2: the warning, and that it failed", tries)
	}
}

func TestWhatIsPrintedWithPackageLogIsLogged(t *testing.T) {
	output, flags := log.Writer(), log.Flags()
	defer log.SetOutput(output)
	defer log.SetFlags(flags)
	logged, entry := newLog()
	CaptureLog(entry)
	log.Printf("[ERR] plugin: %s", "one")
	log.Print("two\n\nthree\n")
	if said := messages(t, logged); fmt.Sprint(said) != "[[ERR] plugin: one two three]" {
		t.Errorf("logged %q", said)
	}
}

func TestWhatIsWrittenToStandardErrorIsLoggedUntilItIsReleased(t *testing.T) {
	before := os.Stderr
	logged, entry := newLog()
	release, err := CaptureStderr(entry)
	if err != nil {
		t.Fatal(err)
	}
	session := log.New(os.Stderr, "", log.LstdFlags) // as yamux does
	session.SetFlags(0)
	session.Print("[ERR] yamux: one")
	fmt.Fprint(os.Stderr, strings.Repeat("x", maxLine+1), "\nlast, without an end")
	release()
	if os.Stderr != before {
		t.Error("os.Stderr is not what it was")
	}
	session.Print("too late, and harmless")
	said := messages(t, logged)
	if len(said) != 4 || said[0] != "[ERR] yamux: one" || len(said[1])+len(said[2]) != maxLine+1 || said[3] != "last, without an end" {
		t.Errorf("logged %.200q", said)
	}
}
