// Package users is the service that knows people: accounts, groups and their passwords.
//
// It owns the store of users and answers the API of services/users/api. It leaves to the
// proxy how people show who they are, how often they may try, and for how long a
// verified password is remembered.
//
// A deleted user's files are not its business. The proxy is told over NATS to forget a
// password that was changed; while NATS is away it may remember it for a minute.
package users

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"

	"go-micro.dev/v4/server"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/bus"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/services/internal/microservice"
	"github.com/owncloud/ocis-runtime/services/internal/token"
	usersapi "github.com/owncloud/ocis-runtime/services/users/api"
	"github.com/owncloud/ocis-runtime/services/users/internal/password"
	"github.com/owncloud/ocis-runtime/services/users/internal/store"
)

// Name is the service's name.
const Name = "users"

// Summary is one line for people.
const Summary = "accounts, groups and passwords"

// Admin is the user that the first start makes.
const Admin = "admin"

// maxHashes bounds how many passwords are hashed at once: each takes 19 MiB.
const maxHashes = 4

// Settings are the section "users" of ocis.yaml.
type Settings struct {
	AdminPassword string `yaml:"admin_password" env:"IDM_ADMIN_PASSWORD" secret:"true" allowed:"1 to 1024 bytes" desc:"password of the user admin, used at the first start only"`
}

// Validate implements the check of config.Source.Fill.
func (s *Settings) Validate() error {
	if s.AdminPassword == "" {
		return nil // needed at the first start only
	}
	if problem := passwordProblem(s.AdminPassword); problem != "" {
		return &config.Invalid{Key: "admin_password", Problem: problem}
	}
	return nil
}

// New reads the configuration.
func New(src *config.Source) (plugins.Service, error) {
	var settings Settings
	if err := src.Fill(Name, &settings); err != nil {
		return plugins.Service{}, err
	}
	verifier, err := token.NewVerifier(src)
	if err != nil {
		return plugins.Service{}, err
	}
	s := &service{
		src:      src,
		path:     filepath.Join(src.Paths.Data(Name), "users.db"),
		settings: settings,
		verifier: verifier,
	}
	return plugins.Service{
		Declaration: plugins.Declaration{
			Name:         Name,
			Summary:      Summary,
			Sockets:      []plugins.Socket{{Network: "unix", Address: src.Paths.Socket(Name, ""), Protocol: "grpc"}},
			Secrets:      []string{"IDM_ADMIN_PASSWORD"},
			Singleton:    true,
			Profile:      microservice.ProfileWithData(src.Paths.Data(Name)),
			MemoryWeight: 2,
		},
		Run: s.run,
	}, nil
}

type service struct {
	src      *config.Source
	path     string
	settings Settings
	verifier *token.Verifier
}

func (s *service) run(ctx context.Context, child *plugins.Child) error {
	hasher := password.NewHasher(password.Recommended, min(runtime.GOMAXPROCS(0), maxHashes))
	users, err := store.Open(s.path, func() (store.User, error) {
		child.Log().WithField("user", Admin).Info("first start: making the first user")
		return s.firstUser(ctx, hasher)
	})
	if err != nil {
		return err
	}
	conn, err := bus.Connect(s.src, child.Instance())
	if err != nil {
		return errors.Join(err, users.Close())
	}
	defer conn.Close()
	register := func(srv server.Server) error {
		return usersapi.RegisterUsersHandler(srv, &handler{store: users, hasher: hasher, log: child.Log(), changed: tell(conn, child.Log())})
	}
	err = microservice.ServeGRPC(ctx, child, "", register, server.WrapHandler(token.HandlerWrapper(s.verifier)))
	return errors.Join(err, users.Close())
}

// firstUser makes the admin of a new store.
func (s *service) firstUser(ctx context.Context, hasher *password.Hasher) (store.User, error) {
	if s.settings.AdminPassword == "" {
		return store.User{}, fmt.Errorf("%s.admin_password is not set: set IDM_ADMIN_PASSWORD for the first start", Name)
	}
	hash, err := hasher.Hash(ctx, s.settings.AdminPassword)
	if err != nil {
		return store.User{}, err
	}
	return newUser(&usersapi.CreateRequest{Username: Admin, DisplayName: "Administrator"}, hash), nil
}
