package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func runCommand() *cli.Command {
	return controlCommand(&cli.Command{
		Name:        "run",
		Usage:       "start a service, and forget its failures",
		Description: "Returns when the service is ready, or says why it is not. A service that runs already is left alone.",
	}, func(ctx context.Context, _ *cli.Context, runtime *client.Client, name string) (client.Service, error) {
		return runtime.Run(ctx, name)
	})
}
