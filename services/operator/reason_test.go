package operator

import (
	"errors"
	"testing"

	microerrors "go-micro.dev/v4/errors"
)

func TestAnErrorOfACallSaysWhoRefusedAndWhatToDo(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"the service's own answer": {
			microerrors.Conflict("users", "user alice: exists"), "user alice: exists",
		},
		"another key": {
			microerrors.Unauthorized("token", "no valid internal token"),
			"the users service refuses this command's token (no valid internal token): it runs with other keys than ocis.yaml now has: restart `ocis server`",
		},
		"nobody is there": {
			microerrors.InternalServerError("go.micro.client", "connection refused"), "the users service does not answer: is `ocis server` running? `ocis list` shows what runs",
		},
		"an error of another kind": {
			errors.New("EOF"), "the users service does not answer: is `ocis server` running? `ocis list` shows what runs",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Reason("users", test.err); got == nil || got.Error() != test.want {
				t.Errorf("got %v\nwant %s", got, test.want)
			}
		})
	}
	if err := Reason("users", nil); err != nil {
		t.Errorf("no error became %v", err)
	}
}
