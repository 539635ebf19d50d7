package users

import (
	"context"
	stderrors "errors"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"
	"go-micro.dev/v4/errors"

	"github.com/owncloud/ocis-runtime/services/internal/token"
	usersapi "github.com/owncloud/ocis-runtime/services/users/api"
	"github.com/owncloud/ocis-runtime/services/users/internal/password"
	"github.com/owncloud/ocis-runtime/services/users/internal/store"
)

// handler answers the calls of the API. It implements usersapi.UsersHandler.
type handler struct {
	store  *store.Store
	hasher *password.Hasher
	log    *logrus.Entry
	// changed is told the id of a user that is new, is deleted, or has another password.
	changed func(id string)
}

// errWrongPassword is the same for an unknown name.
var errWrongPassword = errors.Unauthorized(Name, "wrong user name or password")

// Authenticate is for the proxy only.
func (h *handler) Authenticate(ctx context.Context, request *usersapi.AuthenticateRequest, reply *usersapi.User) error {
	if err := requireCaller(ctx, isProxy); err != nil {
		return err
	}
	if passwordProblem(request.Password) != "" {
		return errWrongPassword
	}
	user, err := h.store.ByName(request.Username)
	if stderrors.Is(err, store.ErrNotFound) {
		if err := h.hasher.Waste(ctx, request.Password); err != nil {
			return h.answer(err)
		}
		return errWrongPassword
	}
	if err != nil {
		return h.answer(err)
	}
	ok, err := h.hasher.Verify(ctx, user.Password, request.Password)
	if err != nil {
		return h.answer(err)
	}
	if !ok {
		return errWrongPassword
	}
	return h.fill(reply, user)
}

// Get is for the proxy, the operator, and each user about themselves.
func (h *handler) Get(ctx context.Context, request *usersapi.GetRequest, reply *usersapi.User) error {
	if (request.Id == "") == (request.Username == "") {
		return errors.BadRequest(Name, "either an id or a username is needed")
	}
	claims, _ := token.FromContext(ctx)
	user, err := h.lookup(request)
	// Who may not ask does not learn which users exist.
	allowed := requireCaller(ctx, isProxy, isOperator, func(token.Claims) bool {
		return err == nil && claims.Subject == user.ID
	})
	if allowed != nil {
		return allowed
	}
	if err != nil {
		return h.answer(err)
	}
	return h.fill(reply, user)
}

func (h *handler) lookup(request *usersapi.GetRequest) (store.User, error) {
	if request.Id != "" {
		return h.store.ByID(request.Id)
	}
	return h.store.ByName(request.Username)
}

// List is for the operator.
func (h *handler) List(ctx context.Context, _ *usersapi.ListRequest, reply *usersapi.ListResponse) error {
	if err := requireCaller(ctx, isOperator); err != nil {
		return err
	}
	users, err := h.store.Users()
	if err != nil {
		return h.answer(err)
	}
	for _, user := range users {
		listed := &usersapi.User{}
		if err := h.fill(listed, user); err != nil {
			return err
		}
		reply.Users = append(reply.Users, listed)
	}
	return nil
}

// Create is for the operator.
func (h *handler) Create(ctx context.Context, request *usersapi.CreateRequest, reply *usersapi.User) error {
	if err := requireCaller(ctx, isOperator); err != nil {
		return err
	}
	if err := checkNewUser(request); err != nil {
		return err
	}
	hash, err := h.hasher.Hash(ctx, request.Password)
	if err != nil {
		return h.answer(err)
	}
	user := newUser(request, hash)
	if err := h.store.Insert(user); err != nil {
		return h.answer(err)
	}
	h.changed(user.ID) // the name may have been tried before: whoever did is not refused for that
	h.log.WithField("user", user.Username).Info("user created")
	return h.reload(reply, user.Username)
}

func checkNewUser(request *usersapi.CreateRequest) error {
	for _, err := range []error{
		checkName("username", request.Username),
		checkPassword(request.Password),
		checkText("display name", request.DisplayName),
		checkText("email", request.Email),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

func newUser(request *usersapi.CreateRequest, hash string) store.User {
	user := store.User{
		ID:          uuid.NewString(),
		Username:    request.Username,
		DisplayName: request.DisplayName,
		Email:       request.Email,
		Groups:      request.Groups,
		Created:     time.Now().UTC().Truncate(time.Second),
		Password:    hash,
	}
	if user.DisplayName == "" {
		user.DisplayName = user.Username
	}
	return user
}

// SetPassword is for the operator.
func (h *handler) SetPassword(ctx context.Context, request *usersapi.SetPasswordRequest, reply *usersapi.User) error {
	if err := requireCaller(ctx, isOperator); err != nil {
		return err
	}
	if err := checkPassword(request.Password); err != nil {
		return err
	}
	hash, err := h.hasher.Hash(ctx, request.Password)
	if err != nil {
		return h.answer(err)
	}
	user, err := h.store.SetPassword(request.Username, hash)
	if err != nil {
		return h.answer(err)
	}
	h.changed(user.ID)
	h.log.WithField("user", user.Username).Info("password changed")
	return h.fill(reply, user)
}

// Delete is for the operator.
func (h *handler) Delete(ctx context.Context, request *usersapi.DeleteRequest, _ *usersapi.DeleteResponse) error {
	if err := requireCaller(ctx, isOperator); err != nil {
		return err
	}
	user, err := h.store.Delete(request.Username)
	if err != nil {
		return h.answer(err)
	}
	h.changed(user.ID)
	h.log.WithField("user", user.Username).Info("user deleted")
	return nil
}

// reload answers with a user as the store now has it.
func (h *handler) reload(reply *usersapi.User, username string) error {
	user, err := h.store.ByName(username)
	if err != nil {
		return h.answer(err)
	}
	return h.fill(reply, user)
}

func (h *handler) fill(reply *usersapi.User, user store.User) error {
	groups, err := h.store.GroupNames(user.Groups)
	if err != nil {
		return h.answer(err)
	}
	reply.Id = user.ID
	reply.Username = user.Username
	reply.DisplayName = user.DisplayName
	reply.Email = user.Email
	reply.Groups = groups
	reply.CreatedUnix = user.Created.Unix()
	return nil
}

// answer turns an error into one that says its status to the caller.
func (h *handler) answer(err error) error {
	switch {
	case stderrors.Is(err, store.ErrNotFound):
		return errors.NotFound(Name, "%s", err)
	case stderrors.Is(err, store.ErrExists):
		return errors.Conflict(Name, "%s", err)
	case stderrors.Is(err, password.ErrBusy):
		return errors.New(Name, err.Error(), http.StatusServiceUnavailable)
	case stderrors.Is(err, context.Canceled), stderrors.Is(err, context.DeadlineExceeded):
		return errors.Timeout(Name, "%s", err)
	}
	h.log.WithError(err).Error("a call failed")
	return errors.InternalServerError(Name, "the users cannot be read or written: see the log of the users service")
}
