package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// Exit codes of the commands. Services have those of package plugins.
const (
	exitFailure   = 1 // it did not work
	exitUsage     = 2 // the command line makes no sense
	exitEssential = 3 // server only: an essential service failed for good
)

// usageError is an error of the command line.
type usageError struct {
	message string
}

func (e *usageError) Error() string { return e.message }

// programError says how a program ended that a command ran for the user.
type programError struct {
	name, text string
	code       int
}

func (e *programError) Error() string { return e.name + " " + e.text }

func exitCode(err error) int {
	var program *programError
	if errors.As(err, &program) {
		return program.code
	}
	var usage *usageError
	var essential *supervisor.EssentialError
	var refused *client.Error
	var unknownTopic cli.ExitCoder // of the help alone
	switch {
	case errors.As(err, &usage), errors.As(err, &unknownTopic), errors.As(err, &refused) && refused.Code == http.StatusNotFound: // no such service
		return exitUsage
	case errors.As(err, &essential):
		return exitEssential
	}
	return exitFailure
}

// helpWidth is where help texts are wrapped.
const helpWidth = 80

func newApp() *cli.App {
	cli.HelpPrinter = func(out io.Writer, template string, data any) {
		cli.HelpPrinterCustom(out, template, data, map[string]any{"wrapAt": func() int { return helpWidth }})
	}
	cli.FlagStringer = flagLine(cli.FlagStringer)
	cli.SuggestCommand = suggestCommand
	app := &cli.App{
		Name:                 "ocis",
		Usage:                "a file cloud whose services are supervised processes",
		Version:              versionOf().Version,
		EnableBashCompletion: true,
		HideVersion:          true,
		Suggest:              true,
		ExitErrHandler:       func(*cli.Context, error) {}, // main prints errors
		OnUsageError:         onUsageError,
		Action:               unknownCommand,
		CommandNotFound:      nil,
		Commands: append([]*cli.Command{
			serverCommand(), initCommand(), listCommand(), statusCommand(), runCommand(), killCommand(),
			restartCommand(), scaleCommand(), crashCommand(), chaosCommand(), sandboxCommand(), logsCommand(), eventsCommand(), pluginsCommand(),
			treeCommand(), doctorCommand(), completionCommand(), versionCommand(),
		}, serviceCommands()...),
	}
	explainMistakes(app.Commands)
	return app
}

// flagLine leaves out that a flag may be given several times, which would need a line.
func flagLine(whole cli.FlagStringFunc) cli.FlagStringFunc {
	return func(flag cli.Flag) string {
		names, usage, _ := strings.Cut(whole(flag), "\t")
		names, _, _ = strings.Cut(names, " [ ")
		return names + "\t" + usage
	}
}

func explainMistakes(commands []*cli.Command) {
	for _, command := range commands {
		command.OnUsageError = onUsageError
		explainMistakes(command.Subcommands)
	}
}

// suggestCommand is for the help: only a name that is near is suggested.
func suggestCommand(commands []*cli.Command, provided string) string {
	var names []string
	for _, command := range commands {
		names = append(names, command.Names()...)
	}
	if nearest, ok := config.Nearest(provided, names); ok {
		return fmt.Sprintf(cli.SuggestDidYouMeanTemplate, nearest)
	}
	return ""
}

func onUsageError(c *cli.Context, err error, _ bool) error {
	return &usageError{fmt.Sprintf("%v; see `%s --help`", err, c.Command.HelpName)}
}

// unknownCommand shows the help, or says what an unknown word could have meant.
func unknownCommand(c *cli.Context) error {
	if !c.Args().Present() {
		return cli.ShowAppHelp(c)
	}
	var names []string
	for _, command := range c.App.Commands {
		names = append(names, command.Names()...)
	}
	return unknownWord(c.Args().First(), names, "ocis --help")
}

func unknownWord(word string, known []string, help string) error {
	if nearest, ok := config.Nearest(word, known); ok {
		return &usageError{fmt.Sprintf("unknown command %q: did you mean %q?", word, nearest)}
	}
	return &usageError{fmt.Sprintf("unknown command %q; see `%s`", word, help)}
}

// jsonFlag is shared by all commands that print data.
var jsonFlag = &cli.BoolFlag{Name: "json", Usage: "print JSON for programs"}

// runtimeClient returns a client of the runtime whose paths the environment names.
func runtimeClient() (*client.Client, error) {
	paths, err := config.ResolvePaths()
	if err != nil {
		return nil, err
	}
	return client.New(paths.Run), nil
}

// oneService returns the only argument of a command that takes a service's name.
func oneService(c *cli.Context) (string, error) {
	if c.Args().Len() != 1 {
		return "", &usageError{fmt.Sprintf("one service is needed, like `%s webdav`; `ocis list` shows them", c.Command.HelpName)}
	}
	return c.Args().First(), nil
}

// noArguments refuses arguments that would be ignored.
func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		return &usageError{fmt.Sprintf("`%s` takes no argument %q", c.Command.HelpName, c.Args().First())}
	}
	return nil
}

// completeServices completes the names of services, those from outside included.
func completeServices(*cli.Context) {
	for _, service := range family {
		fmt.Fprintln(os.Stdout, service.name)
	}
	completePlugins(nil)
}
