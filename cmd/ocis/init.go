package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"
	"gopkg.in/yaml.v3"

	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/services/operator"
)

func initCommand() *cli.Command {
	return &cli.Command{
		Name:  "init",
		Usage: "write ocis.yaml with generated secrets",
		Description: "`ocis server` does this by itself at its first start. An existing file is never replaced.\n\n" +
			"IDM_ADMIN_PASSWORD, when set, becomes the password of admin.",
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			paths, err := config.ResolvePaths()
			if err != nil {
				return err
			}
			made, err := writeConfig(paths)
			if errors.Is(err, config.ErrExists) {
				return fmt.Errorf("%w; remove it first if you want new secrets, but existing data keeps the old password", err)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(c.App.Writer, "wrote %s\nuser admin, password %s\n", made.file, made.shownPassword())
			return nil
		},
	}
}

// firstStart is what the first start made.
type firstStart struct {
	password string
	given    bool // by IDM_ADMIN_PASSWORD, instead of generated
	file     string
}

// shownPassword is what people see of the password. One that they chose is theirs to
// keep: output ends in journals.
func (f *firstStart) shownPassword() string {
	if f.given {
		return "as in IDM_ADMIN_PASSWORD"
	}
	return f.password + "   (generated; shown only now)"
}

// initWhenMissing writes ocis.yaml if there is none; nil: there was one.
func initWhenMissing() (*firstStart, error) {
	paths, err := config.ResolvePaths()
	if err != nil || paths.Exists() {
		return nil, err
	}
	made, err := writeConfig(paths)
	if errors.Is(err, config.ErrExists) { // somebody else was faster
		return nil, nil
	}
	return made, err
}

// generated is the content of a new ocis.yaml.
type generated struct {
	Token struct {
		SigningKey   string `yaml:"signing_key"`
		VerifyingKey string `yaml:"verifying_key"`
	} `yaml:"token"`
	NATS struct {
		User     string `yaml:"user"`
		Password string `yaml:"password"`
	} `yaml:"nats"`
	Users struct {
		AdminPassword string `yaml:"admin_password"`
	} `yaml:"users"`
}

const configHeader = `# Settings of ocis. This file holds secrets: keep its mode 0600.
# Environment variables win over what stands here; docs/operations.md lists all settings.
`

// newConfig makes the content of a new ocis.yaml; made names no file yet.
func newConfig() (text []byte, made *firstStart, err error) {
	var content generated
	content.Token.SigningKey, content.Token.VerifyingKey, err = operator.Keys()
	if err != nil {
		return nil, nil, err
	}
	content.NATS.User, content.NATS.Password = "ocis", rand.Text()
	content.Users.AdminPassword = os.Getenv("IDM_ADMIN_PASSWORD")
	given := content.Users.AdminPassword != ""
	if !given {
		content.Users.AdminPassword = rand.Text()
	}
	body, err := yaml.Marshal(content)
	if err != nil {
		return nil, nil, fmt.Errorf("make the configuration: %w", err)
	}
	return append([]byte(configHeader), body...), &firstStart{password: content.Users.AdminPassword, given: given}, nil
}

// openOrNew reads the configuration, or takes a new one for it when there is none. It
// writes nothing.
func openOrNew() (*config.Source, error) {
	text, _, err := newConfig()
	if err != nil {
		return nil, err
	}
	return config.OpenOr(text)
}

func writeConfig(paths config.Paths) (*firstStart, error) {
	text, made, err := newConfig()
	if err == nil {
		err = config.Create(paths, text)
	}
	if err != nil {
		return nil, err
	}
	made.file = paths.File()
	return made, nil
}
