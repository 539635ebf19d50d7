package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func crashCommand() *cli.Command {
	signalFlag := &cli.StringFlag{Name: "signal", Value: "SIGKILL", Usage: "what to hit it with, such as SIGSTOP"}
	return controlCommand(&cli.Command{
		Name:        "crash",
		Usage:       "hit a service's process with a signal and see what happens",
		Description: "Returns at once; `ocis events -f` shows the recovery.",
		Flags:       []cli.Flag{signalFlag},
	}, func(ctx context.Context, c *cli.Context, runtime *client.Client, name string) (client.Service, error) {
		return runtime.Crash(ctx, name, c.String(signalFlag.Name))
	})
}
