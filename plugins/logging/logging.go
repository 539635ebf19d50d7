// Package logging makes the logger of a process.
//
// It owns the settings and the formats: JSON lines in files, readable lines on a
// terminal. It leaves to others what is logged; nobody may log a secret.
package logging

import (
	"os"

	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/plugins/config"
)

// Section is the section of ocis.yaml with the settings.
const Section = "log"

// Settings say how to log.
type Settings struct {
	Level  Level  `yaml:"level" env:"OCIS_LOG_LEVEL" default:"info" allowed:"error, warn, info, debug, trace" desc:"how much is logged"`
	Pretty Switch `yaml:"pretty" env:"OCIS_LOG_PRETTY" default:"auto" allowed:"true, false, auto" desc:"readable lines instead of JSON; auto: on a terminal"`
	Color  Switch `yaml:"color" env:"OCIS_LOG_COLOR" default:"auto" allowed:"true, false, auto" desc:"colours in readable lines; auto: on a terminal"`
}

// Level is a logrus level in a settings struct.
type Level logrus.Level

// UnmarshalText reads the level's name.
func (l *Level) UnmarshalText(text []byte) error {
	level, err := logrus.ParseLevel(string(text))
	if err != nil || level < logrus.ErrorLevel {
		return errLevel
	}
	*l = Level(level)
	return nil
}

// New returns a logger that writes to file as the settings of src say.
func New(src *config.Source, file *os.File) (*logrus.Logger, error) {
	var settings Settings
	if err := src.Fill(Section, &settings); err != nil {
		return nil, err
	}
	log := logrus.New()
	log.SetOutput(file)
	log.SetLevel(logrus.Level(settings.Level))
	terminal := IsTerminal(file)
	if settings.Pretty.on(terminal) {
		color := settings.Color.on(terminal && os.Getenv("NO_COLOR") == "")
		log.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, TimestampFormat: "15:04:05.000", ForceColors: color, DisableColors: !color})
	} else {
		log.SetFormatter(&logrus.JSONFormatter{TimestampFormat: "2006-01-02T15:04:05.000Z07:00"})
	}
	return log, nil
}
