package main

import (
	"context"
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
	lines := &cli.IntFlag{Name: "lines", Aliases: []string{"n"}, Usage: "only the newest", DefaultText: "all"}
	return &cli.Command{
		Name:  "events",
		Usage: "show what happened to the services",
		Flags: []cli.Flag{follow, since, lines, jsonFlag},
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
			first := c.Uint64(since.Name)
			if newest := c.Int(lines.Name); newest > 0 {
				if first, err = before(ctx, runtime, first, newest); err != nil {
					return err
				}
			}
			return runtime.Events(ctx, first, c.Bool(follow.Name), func(event client.Event) error {
				if c.Bool(jsonFlag.Name) {
					return print.Line(c.App.Writer, event)
				}
				return printEvent(c, event)
			})
		},
	}
}

// before returns the sequence number after which the newest events come, that many of
// them, or since when these are fewer.
func before(ctx context.Context, runtime *client.Client, since uint64, newest int) (uint64, error) {
	numbers := []uint64{since}
	err := runtime.Events(ctx, since, false, func(event client.Event) error {
		numbers = append(numbers, event.Sequence)
		return nil
	})
	return numbers[max(0, len(numbers)-1-newest)], err
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
