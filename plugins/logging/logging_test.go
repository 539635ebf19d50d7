package logging

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/plugins/config"
)

// logged makes a logger with these settings, lets use write and returns what is in its file.
func logged(t *testing.T, settings map[string]string, use func(*logrus.Logger)) (string, error) {
	t.Helper()
	t.Setenv("OCIS_BASE_DATA_PATH", t.TempDir())
	for name, value := range settings {
		t.Setenv(name, value)
	}
	src, err := config.Open()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	log, err := New(src, file)
	if err != nil {
		return "", err
	}
	use(log)
	content, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(content), nil
}

func hello(log *logrus.Logger) { log.WithField("service", "web").Info("hello\nworld") }

func TestAFileGetsOneJSONObjectPerLine(t *testing.T) {
	text, err := logged(t, nil, hello)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(text, "\n") != 1 {
		t.Errorf("more than a line: %q", text)
	}
	var line struct{ Time, Level, Msg, Service string }
	if err := json.Unmarshal([]byte(text), &line); err != nil {
		t.Fatal(err)
	}
	if line.Level != "info" || line.Msg != "hello\nworld" || line.Service != "web" {
		t.Errorf("got %+v", line)
	}
	if _, err := time.Parse(time.RFC3339Nano, line.Time); err != nil {
		t.Errorf("the time: %v", err)
	}
}

func TestTheLevelIsObeyed(t *testing.T) {
	all := func(log *logrus.Logger) {
		log.Error("e")
		log.Warn("w")
		log.Info("i")
		log.Debug("d")
		log.Trace("t")
	}
	for level, lines := range map[string]int{"error": 1, "warn": 2, "info": 3, "debug": 4, "trace": 5, "": 3} {
		text, err := logged(t, map[string]string{"OCIS_LOG_LEVEL": level}, all)
		if got := strings.Count(text, "\n"); err != nil || got != lines {
			t.Errorf("level %q: %d lines, %v", level, got, err)
		}
	}
}

func TestReadableLinesHaveColoursOnlyWhenTheyAreWanted(t *testing.T) {
	const escape = "\x1b["
	for name, test := range map[string]struct {
		settings map[string]string
		colour   bool
	}{
		"a file":         {map[string]string{"OCIS_LOG_PRETTY": "true"}, false},
		"asked for":      {map[string]string{"OCIS_LOG_PRETTY": "true", "OCIS_LOG_COLOR": "true"}, true},
		"asked, no less": {map[string]string{"OCIS_LOG_PRETTY": "true", "OCIS_LOG_COLOR": "true", "NO_COLOR": "1"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := logged(t, test.settings, hello)
			if err != nil || strings.HasPrefix(text, "{") || strings.Contains(text, escape) != test.colour {
				t.Errorf("%q %v", text, err)
			}
		})
	}
}

func TestWrongSettingsNameTheVariableAndWhatIsAllowed(t *testing.T) {
	for variable, allowed := range map[string]string{"OCIS_LOG_LEVEL": "debug", "OCIS_LOG_PRETTY": "auto", "OCIS_LOG_COLOR": "auto"} {
		t.Run(variable, func(t *testing.T) {
			_, err := logged(t, map[string]string{variable: "loud"}, hello)
			if err == nil || !strings.Contains(err.Error(), variable) || !strings.Contains(err.Error(), allowed) || !strings.Contains(err.Error(), "loud") {
				t.Errorf("got %v", err)
			}
		})
	}
}
