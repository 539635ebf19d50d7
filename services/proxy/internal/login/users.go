package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	microerrors "go-micro.dev/v4/errors"

	"github.com/owncloud/ocis-runtime/services/internal/microservice"
	"github.com/owncloud/ocis-runtime/services/internal/token"
	usersapi "github.com/owncloud/ocis-runtime/services/users/api"
)

// askAgainAfter is the pause before a question is repeated that the users service did
// not answer: it is being replaced, or has too much to do.
const askAgainAfter = 100 * time.Millisecond

// AskUsers returns an Ask over the API of the users service. self is the passport of the
// proxy itself. Verifying changes nothing, so it is repeated until the context is done
// when the service went away in the middle.
func AskUsers(users usersapi.UsersService, self *Passport) Ask {
	return func(ctx context.Context, username, password string) (token.Claims, error) {
		for {
			claims, err := askOnce(ctx, users, self, username, password)
			if err == nil || !mayPass(err) {
				return claims, err
			}
			select {
			case <-time.After(askAgainAfter):
			case <-ctx.Done():
				return token.Claims{}, fmt.Errorf("ask the users service: %w", err)
			}
		}
	}
}

func askOnce(ctx context.Context, users usersapi.UsersService, self *Passport, username, password string) (token.Claims, error) {
	text, err := self.Token()
	if err != nil {
		return token.Claims{}, err
	}
	user, err := users.Authenticate(token.Outgoing(ctx, text), &usersapi.AuthenticateRequest{Username: username, Password: password})
	if err != nil {
		return token.Claims{}, answer(err)
	}
	return token.Claims{
		Subject:     user.Id,
		Username:    user.Username,
		DisplayName: user.DisplayName,
		Email:       user.Email,
		Service:     self.Claims.Service,
	}, nil
}

// answer tells a wrong password from everything else that has the code 401, such as a
// token that the service does not accept.
func answer(err error) error {
	refusal := microerrors.FromError(err)
	if refusal.Id == "users" && refusal.Code == http.StatusUnauthorized {
		return ErrWrong
	}
	return err
}

// mayPass tells whether the same question may get an answer a little later: nobody was
// there, or too much is going on. Everything else is an answer.
func mayPass(err error) bool {
	if errors.Is(err, ErrWrong) || microservice.FailureOf(err) == microservice.Stopped {
		return false
	}
	code := microerrors.FromError(err).Code
	return code == 0 || code >= http.StatusInternalServerError
}
