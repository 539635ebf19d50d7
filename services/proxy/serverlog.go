package proxy

import (
	"bytes"
	stdlog "log"

	"github.com/sirupsen/logrus"
)

// serverLog takes what net/http has to say. Nearly all of it is about clients that went
// away or spoke no TLS, which anybody on the network can cause at will.
func serverLog(log *logrus.Entry) *stdlog.Logger {
	return stdlog.New(serverLines{log}, "", 0)
}

type serverLines struct{ log *logrus.Entry }

func (s serverLines) Write(line []byte) (int, error) {
	level := logrus.DebugLevel
	if bytes.Contains(line, []byte("panic serving")) {
		level = logrus.ErrorLevel
	}
	s.log.Log(level, string(bytes.TrimSpace(line)))
	return len(line), nil
}
