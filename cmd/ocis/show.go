package main

import (
	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/cmd/internal/print"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// showCommand completes a command that fetches something from the runtime and shows it, to
// programs as JSON.
func showCommand[T any](command *cli.Command, fetch func(*cli.Context, *client.Client) (T, error), show func(*cli.Context, T)) *cli.Command {
	command.Flags = append(command.Flags, jsonFlag)
	command.Action = func(c *cli.Context) error {
		runtime, err := runtimeClient()
		if err != nil {
			return err
		}
		fetched, err := fetch(c, runtime)
		if err != nil {
			return err
		}
		if c.Bool(jsonFlag.Name) {
			return print.JSON(c.App.Writer, fetched)
		}
		show(c, fetched)
		return nil
	}
	return command
}
