package main

import (
	"fmt"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/cmd/internal/print"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func eventsCommand() *cli.Command {
	follow := &cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with what comes, until Ctrl-C"}
	since := &cli.Uint64Flag{Name: "since", Usage: "only events after this sequence number"}
	return &cli.Command{
		Name:  "events",
		Usage: "show what happened to the services",
		Flags: []cli.Flag{follow, since, jsonFlag},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			runtime, err := runtimeClient()
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(c.Context, syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return runtime.Events(ctx, c.Uint64(since.Name), c.Bool(follow.Name), func(event client.Event) error {
				if c.Bool(jsonFlag.Name) {
					return print.Line(c.App.Writer, event)
				}
				return printEvent(c, event)
			})
		},
	}
}

func printEvent(c *cli.Context, event client.Event) error {
	out := c.App.Writer
	at := print.Paint(out, event.At.Local().Format("15:04:05.000"), print.Dim)
	what := event.Message
	switch event.Kind {
	case client.EventStatus:
		cell := statusCell(client.Instance{Status: event.Status})
		what = print.Paint(out, cell.Text, cell.Color)
		if event.Message != "" {
			what += ": " + event.Message
		}
	case client.EventExit:
		what = fmt.Sprintf("process %d ended: %s", event.Pid, event.Message)
		if event.Exit != nil {
			what += "; " + event.Exit.Decision
		}
	}
	who := event.Service
	if who == "" {
		who = runtimeName
	}
	_, err := fmt.Fprintf(out, "%s %-9s %s\n", at, who, what)
	return err
}
