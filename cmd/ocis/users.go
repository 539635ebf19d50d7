package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/owncloud/ocis-runtime/cmd/internal/print"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/services/operator"
	"github.com/owncloud/ocis-runtime/services/users"
	usersapi "github.com/owncloud/ocis-runtime/services/users/api"
)

// accountTimeout bounds a call to the users service. Hashing a password takes a moment.
const accountTimeout = 15 * time.Second

var passwordFlag = &cli.BoolFlag{Name: "password-stdin", Usage: "read the password from standard input", DisableDefaultText: true}

// accountCommands are what `ocis users` does besides being a service.
func accountCommands() []*cli.Command {
	return []*cli.Command{
		{
			Name: "create", Usage: "make an account; asks for the password", ArgsUsage: "NAME",
			Description: "  ocis users create alice --display-name 'Alice A.' --email alice@example.org\n" +
				"  echo \"$PASSWORD\" | ocis users create bob --password-stdin",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "display-name", Usage: "the name that people see"},
				&cli.StringFlag{Name: "email", Usage: "an address"},
				&cli.StringSliceFlag{Name: "group", Usage: "a group to be in (repeatable)"},
				passwordFlag,
			},
			Action: createAccount,
		},
		{Name: "list", Usage: "show all accounts", Flags: []cli.Flag{jsonFlag}, Action: listAccounts},
		{Name: "passwd", Usage: "change a password; asks for the new one", ArgsUsage: "NAME", Flags: []cli.Flag{passwordFlag}, Action: changePassword},
		{
			Name: "delete", Usage: "delete an account; asks first", ArgsUsage: "NAME",
			Description: "Its files stay on disk, but nobody can reach them any more, not even a new account of the same name.",
			Flags:       []cli.Flag{&cli.BoolFlag{Name: yesFlag, Usage: "do not ask", DisableDefaultText: true}},
			Action:      deleteAccount,
		},
		groupCommand(),
	}
}

func createAccount(c *cli.Context) error {
	name, err := oneName(c)
	if err != nil {
		return err
	}
	for _, flag := range []string{"display-name", "email"} {
		if err := readable("--"+flag, c.String(flag)); err != nil {
			return err
		}
	}
	for _, group := range c.StringSlice("group") {
		if err := readable("--group", group); err != nil {
			return err
		}
	}
	password, err := newPassword(c)
	if err != nil {
		return err
	}
	return withUsers(c, func(ctx context.Context, api usersapi.UsersService) error {
		made, err := api.Create(ctx, &usersapi.CreateRequest{
			Username: name, Password: password, DisplayName: c.String("display-name"), Email: c.String("email"), Groups: c.StringSlice("group"),
		})
		if err == nil {
			fmt.Fprintf(c.App.Writer, "made %s\n", made.Username)
		}
		return err
	})
}

func listAccounts(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	return withUsers(c, func(ctx context.Context, api usersapi.UsersService) error {
		response, err := api.List(ctx, &usersapi.ListRequest{})
		if err != nil {
			return err
		}
		if c.Bool(jsonFlag.Name) {
			return print.JSON(c.App.Writer, accounts(response.Users))
		}
		var rows [][]print.Cell
		for _, u := range response.Users {
			rows = append(rows, []print.Cell{
				print.Text(u.Username), print.Text(u.DisplayName), print.Text(u.Email), print.Text(strings.Join(u.Groups, ",")),
				print.Text(time.Unix(u.CreatedUnix, 0).Format(time.DateOnly)),
			})
		}
		print.Table(c.App.Writer, []string{"NAME", "DISPLAY NAME", "EMAIL", "GROUPS", "CREATED"}, rows)
		return nil
	})
}

// account is a user as programs see it.
type account struct {
	ID          string    `json:"id"`
	Username    string    `json:"username"`
	DisplayName string    `json:"display_name"`
	Email       string    `json:"email"`
	Groups      []string  `json:"groups"`
	Created     time.Time `json:"created"`
}

func accounts(users []*usersapi.User) []account {
	list := make([]account, 0, len(users))
	for _, u := range users {
		groups := append([]string{}, u.Groups...)
		list = append(list, account{u.Id, u.Username, u.DisplayName, u.Email, groups, time.Unix(u.CreatedUnix, 0).UTC()})
	}
	return list
}

func changePassword(c *cli.Context) error {
	name, err := oneName(c)
	if err != nil {
		return err
	}
	password, err := newPassword(c)
	if err != nil {
		return err
	}
	return withUsers(c, func(ctx context.Context, api usersapi.UsersService) error {
		_, err := api.SetPassword(ctx, &usersapi.SetPasswordRequest{Username: name, Password: password})
		if err == nil {
			fmt.Fprintf(c.App.Writer, "changed the password of %s\n", name)
		}
		return err
	})
}

func deleteAccount(c *cli.Context) error {
	name, err := oneName(c)
	if err != nil {
		return err
	}
	if !c.Bool(yesFlag) {
		if err := confirmDeletion(name); err != nil {
			return err
		}
	}
	return withUsers(c, func(ctx context.Context, api usersapi.UsersService) error {
		_, err := api.Delete(ctx, &usersapi.DeleteRequest{Username: name})
		if err == nil {
			fmt.Fprintf(c.App.Writer, "deleted %s; its files stay on disk, and nobody can reach them any more\n", name)
		}
		return err
	})
}

const yesFlag = "yes"

// confirmDeletion asks on the terminal. Its error says that nothing was done.
func confirmDeletion(name string) error {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return &usageError{"there is no terminal to ask for confirmation: use --" + yesFlag}
	}
	fmt.Fprintf(os.Stderr, "Delete %s? Nobody can reach its files any more, not even a new %s. Type the name: ", name, name)
	answer, err := bufio.NewReader(io.LimitReader(os.Stdin, maxPassword)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("ask for confirmation: %w", err)
	}
	if strings.TrimSpace(answer) != name {
		return errors.New("nothing was deleted")
	}
	return nil
}

// withUsers calls the users service as the operator, and says what its errors mean.
func withUsers(c *cli.Context, call func(context.Context, usersapi.UsersService) error) error {
	src, err := config.Open()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, accountTimeout)
	defer cancel()
	if ctx, err = operator.Authorize(ctx, src); err != nil {
		return err
	}
	return operator.Reason(users.Name, call(ctx, operator.Users(src)))
}

func oneName(c *cli.Context) (string, error) {
	if c.Args().Len() != 1 {
		return "", &usageError{fmt.Sprintf("one name is needed, like `%s alice`", c.Command.HelpName)}
	}
	return c.Args().First(), readable("the name", c.Args().First())
}

// readable refuses what is no text: it cannot travel in a message (proto3's strings are
// UTF-8), and a client could not send it as a password.
func readable(what, text string) error {
	if utf8.ValidString(text) {
		return nil
	}
	return &usageError{what + " is not UTF-8: is the terminal or the file in another encoding?"}
}

// maxPassword bounds what is read; the service has its own limit.
const maxPassword = 4096

// newPassword reads a password from standard input, or asks twice on the terminal. It
// is never an argument: other users of the machine see those.
func newPassword(c *cli.Context) (string, error) {
	password, err := readPassword(c)
	if err != nil {
		return "", err
	}
	return password, readable("the password", password)
}

func readPassword(c *cli.Context) (string, error) {
	if c.Bool(passwordFlag.Name) {
		line, err := bufio.NewReader(io.LimitReader(os.Stdin, maxPassword)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return "", &usageError{"there is no terminal to ask for the password: use --password-stdin"}
	}
	first, again, err := askTwice(int(os.Stdin.Fd()))
	switch {
	case errors.Is(err, io.EOF): // Ctrl-C is a character now
		return "", errors.New("no password was given: nothing was changed")
	case err != nil:
		return "", fmt.Errorf("ask for the password: %w", err)
	case first != again:
		return "", errors.New("the two passwords differ: try again")
	}
	return first, nil
}

// askTwice asks on the terminal for a password and its repetition. Nothing is shown from
// before the first question on, so that an answer in advance is not either.
func askTwice(terminal int) (first, again string, err error) {
	before, err := term.MakeRaw(terminal)
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, term.Restore(terminal, before)) }()
	dialog := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{os.Stdin, os.Stderr}, "")
	if first, err = dialog.ReadPassword("Password: "); err == nil {
		again, err = dialog.ReadPassword("Once more: ")
	}
	return first, again, err
}
