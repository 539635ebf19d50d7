package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func restartCommand() *cli.Command {
	return controlCommand(&cli.Command{
		Name:        "restart",
		Usage:       "replace a service's process without refusing a connection",
		Description: "The process drains and ends; connections wait in the held socket until the next one is ready.",
	}, func(ctx context.Context, _ *cli.Context, runtime *client.Client, name string) (client.Service, error) {
		return runtime.Restart(ctx, name)
	})
}
