package users

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"go-micro.dev/v4/errors"
)

const (
	maxName     = 64   // characters of a username or group name
	maxText     = 254  // characters of a display name or an address (RFC 5321 section 4.5.3.1)
	maxPassword = 1024 // bytes
)

// checkName accepts what can stand in a URL, a path and a header as it is.
func checkName(what, name string) error {
	if len(name) < 1 || len(name) > maxName {
		return errors.BadRequest(Name, "%s: 1 to %d characters are needed", what, maxName)
	}
	for _, r := range name {
		if !isNameRune(r) {
			return errors.BadRequest(Name, "%s %q: only letters, digits and . _ - @ are allowed", what, name)
		}
	}
	if strings.Trim(name, ".") == "" {
		return errors.BadRequest(Name, "%s %q: more than dots is needed", what, name)
	}
	return nil
}

func isNameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-@", r)
}

// checkText accepts what people read, on one line.
func checkText(what, text string) error {
	if utf8.RuneCountInString(text) > maxText {
		return errors.BadRequest(Name, "%s: at most %d characters are allowed", what, maxText)
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return errors.BadRequest(Name, "%s: control characters are not allowed", what)
	}
	return nil
}

// passwordProblem says what is wrong with a password, or nothing.
func passwordProblem(password string) string {
	if len(password) < 1 || len(password) > maxPassword {
		return fmt.Sprintf("1 to %d bytes are needed", maxPassword)
	}
	return ""
}

func checkPassword(password string) error {
	if problem := passwordProblem(password); problem != "" {
		return errors.BadRequest(Name, "password: %s", problem)
	}
	return nil
}
