package operator

import (
	"errors"
	"fmt"

	microerrors "go-micro.dev/v4/errors"

	"github.com/owncloud/ocis-runtime/services/internal/token"
)

// Reason returns what the error of a call to a service means for the operator, in one
// line; nil stays nil. What the service itself answered is passed on. Any other error of
// a call means that nobody answered.
func Reason(service string, err error) error {
	if err == nil {
		return nil
	}
	var answer *microerrors.Error
	if errors.As(err, &answer) {
		switch answer.Id {
		case service:
			return errors.New(answer.Detail)
		case token.ErrorID:
			return fmt.Errorf("the %s service refuses this command's token (%s): it runs with other keys than ocis.yaml now has: restart `ocis server`", service, answer.Detail)
		}
	}
	return noAnswer(service)
}

func noAnswer(service string) error {
	return fmt.Errorf("the %s service does not answer: is `ocis server` running? `ocis list` shows what runs", service)
}
