package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/cmd/internal/print"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// controlCommand returns a command that does something to one service and says what
// became of it.
func controlCommand(command *cli.Command, act func(context.Context, *cli.Context, *client.Client, string) (client.Service, error)) *cli.Command {
	command.ArgsUsage = "SERVICE"
	command.Flags = append(command.Flags, jsonFlag)
	command.BashComplete = completeServices
	command.Action = func(c *cli.Context) error {
		name, err := oneService(c)
		if err != nil {
			return err
		}
		runtime, err := runtimeClient()
		if err != nil {
			return err
		}
		service, err := act(c.Context, c, runtime, name)
		if err != nil {
			return err
		}
		return printControlled(c, service)
	}
	return command
}

// printControlled says what became of a service.
func printControlled(c *cli.Context, service client.Service) error {
	if c.Bool(jsonFlag.Name) {
		return print.JSON(c.App.Writer, service)
	}
	for _, i := range service.Instances {
		if i.Replaced() { // what became of it is the one that took over
			continue
		}
		cell, name := statusCell(i), service.Name
		if service.Replicas > 1 {
			name = i.Instance
		}
		fmt.Fprintf(c.App.Writer, "%s is %s", name, print.Paint(c.App.Writer, cell.Text, cell.Color))
		if i.Pid != 0 {
			fmt.Fprintf(c.App.Writer, " (process %d)", i.Pid)
		}
		fmt.Fprintln(c.App.Writer)
	}
	return nil
}
