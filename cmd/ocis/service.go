package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/plugins/logging"
	"github.com/owncloud/ocis-runtime/services/operator"
	"github.com/owncloud/ocis-runtime/services/users"
)

// serviceCommands returns `ocis SVC` for each built-in service.
func serviceCommands() []*cli.Command {
	var commands []*cli.Command
	for _, b := range family {
		command := &cli.Command{
			Name:     b.name,
			Usage:    b.summary,
			Category: "services",
			Subcommands: []*cli.Command{
				{
					Name:        "server",
					Usage:       "run this service alone, in the foreground",
					Description: "Without a supervisor the service binds its own sockets and runs until SIGINT or SIGTERM.",
					Action:      func(c *cli.Context) error { return serveAlone(c, b) },
				},
				{
					Name:        "health",
					Usage:       "ask the running service for its health, from outside",
					Description: "Exit code 0: it is healthy. 1: it is not, or does not answer.",
					Action:      func(c *cli.Context) error { return health(c, b) },
				},
			},
			Action: unknownSubcommand,
		}
		if b.name == users.Name {
			command.Subcommands = append(command.Subcommands, accountCommands()...)
		}
		commands = append(commands, command)
	}
	return commands
}

func unknownSubcommand(c *cli.Context) error {
	if !c.Args().Present() {
		return cli.ShowSubcommandHelp(c)
	}
	var names []string
	for _, command := range c.Command.Subcommands {
		names = append(names, command.Name)
	}
	return unknownWord(c.Args().First(), names, c.Command.HelpName+" --help")
}

// openService reads the configuration for a command that takes no arguments.
func openService(c *cli.Context, b builtin) (*config.Source, plugins.Service, error) {
	if err := noArguments(c); err != nil {
		return nil, plugins.Service{}, err
	}
	src, err := config.Open()
	if err != nil {
		return nil, plugins.Service{}, err
	}
	service, err := b.build(src)
	return src, service, err
}

// serveAlone is what the supervisor executes, and what people type.
func serveAlone(c *cli.Context, b builtin) error {
	src, service, err := openService(c, b)
	if err != nil {
		return err
	}
	if service.Log, err = logging.New(src, os.Stderr); err != nil {
		return err
	}
	if !plugins.Supervised() { // the supervisor has made them, and a sandbox does not show them all
		if err := src.Paths.MakeDirs(); err != nil {
			return err
		}
	}
	plugins.Serve(service)
	return nil
}

// healthTimeout bounds a health check from outside.
const healthTimeout = 5 * time.Second

func health(c *cli.Context, b builtin) error {
	src, service, err := openService(c, b)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.Context, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	started := time.Now()
	if err := operator.Probe(ctx, src, b.name, service.Sockets[0]); err != nil {
		return fmt.Errorf("%s is not healthy: %w", b.name, err)
	}
	fmt.Fprintf(c.App.Writer, "%s is healthy (answered in %s)\n", b.name, time.Since(started).Round(time.Millisecond))
	return nil
}
