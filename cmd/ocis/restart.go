package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func restartCommand() *cli.Command {
	allFlag := &cli.BoolFlag{Name: "all", Usage: "replace every service that runs, what is needed first", DisableDefaultText: true}
	command := controlCommand(&cli.Command{
		Name:  "restart",
		Usage: "replace a service's processes without refusing a connection",
		Description: "The new process starts beside the old one; when it is ready, the old one drains. " +
			"When it does not become ready, the old one stays. nats, users and storage own their " +
			"data alone: they drain first, and connections wait in their sockets.",
		Flags: []cli.Flag{allFlag},
	}, func(ctx context.Context, _ *cli.Context, runtime *client.Client, name string) (client.Service, error) {
		return runtime.Restart(ctx, name)
	})
	one := command.Action
	command.Action = func(c *cli.Context) error {
		if !c.Bool(allFlag.Name) {
			return one(c)
		}
		return restartAll(c)
	}
	return command
}

// restartAll goes through the graph, so that no service starts before what it needs.
func restartAll(c *cli.Context) error {
	if c.Args().Present() {
		return &usageError{fmt.Sprintf("--all and %q exclude each other", c.Args().First())}
	}
	runtime, err := runtimeClient()
	if err != nil {
		return err
	}
	nodes, err := runtime.Tree(c.Context)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		if node.Status == client.StatusStopped {
			continue
		}
		service, err := runtime.Restart(c.Context, node.Service)
		if err != nil {
			return err
		}
		if err := printControlled(c, service); err != nil {
			return err
		}
	}
	return nil
}
