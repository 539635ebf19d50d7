package microservice

import (
	"github.com/sirupsen/logrus"
	"go-micro.dev/v4/logger"
)

// microLogger sends go-micro's log lines to the service's logger. What go-micro calls
// info is its own housekeeping, so it becomes debug.
type microLogger struct {
	entry *logrus.Entry
}

func (m microLogger) Init(...logger.Option) error { return nil }

func (m microLogger) Options() logger.Options { return logger.Options{} }

func (m microLogger) Fields(fields map[string]any) logger.Logger {
	return microLogger{m.entry.WithFields(fields)}
}

func (m microLogger) Log(level logger.Level, v ...any) { m.entry.Log(logrusLevel(level), v...) }

func (m microLogger) Logf(level logger.Level, format string, v ...any) {
	m.entry.Logf(logrusLevel(level), format, v...)
}

func (m microLogger) String() string { return "logrus" }

func logrusLevel(level logger.Level) logrus.Level {
	switch level {
	case logger.TraceLevel:
		return logrus.TraceLevel
	case logger.DebugLevel, logger.InfoLevel:
		return logrus.DebugLevel
	case logger.WarnLevel:
		return logrus.WarnLevel
	default: // also fatal: whether to die is not the logger's decision
		return logrus.ErrorLevel
	}
}
