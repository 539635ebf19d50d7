package logging

import (
	"errors"
	"os"
)

var (
	errLevel  = errors.New("no such level")
	errSwitch = errors.New("true, false or auto is needed")
)

// Switch is on, off, or on where it fits.
type Switch string

// UnmarshalText reads true, false or auto.
func (s *Switch) UnmarshalText(text []byte) error {
	switch string(text) {
	case "true", "false", "auto":
		*s = Switch(text)
		return nil
	}
	return errSwitch
}

func (s Switch) on(fits bool) bool { return s == "true" || s != "false" && fits }

// IsTerminal tells whether people read what is written to file.
func IsTerminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && file.Name() != os.DevNull
}
