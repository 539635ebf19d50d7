package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func killCommand() *cli.Command {
	return controlCommand(&cli.Command{
		Name:        "kill",
		Usage:       "stop a service, and keep it stopped",
		Description: "The service drains first. Its callers are refused until `ocis run SERVICE`. To see it recover from a crash use `ocis crash`.",
	}, func(ctx context.Context, _ *cli.Context, runtime *client.Client, name string) (client.Service, error) {
		return runtime.Kill(ctx, name)
	})
}
