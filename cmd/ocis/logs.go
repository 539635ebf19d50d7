package main

import (
	"fmt"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/cmd/internal/print"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func logsCommand() *cli.Command {
	follow := &cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with what comes, until Ctrl-C"}
	since := &cli.DurationFlag{Name: "since", Usage: "only lines not older, such as 10m", DefaultText: "any age"}
	lines := &cli.IntFlag{Name: "lines", Aliases: []string{"n"}, Usage: "the newest of each service", DefaultText: "all"}
	return &cli.Command{
		Name:         "logs",
		Usage:        "show what the services say, the oldest line first",
		ArgsUsage:    "[SERVICE]...",
		Flags:        []cli.Flag{follow, since, lines, jsonFlag},
		BashComplete: completeServices,
		Action: func(c *cli.Context) error {
			runtime, err := runtimeClient()
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(c.Context, syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			query := client.LogQuery{Services: c.Args().Slice(), Since: c.Duration(since.Name), Lines: c.Int(lines.Name), Follow: c.Bool(follow.Name)}
			return runtime.Logs(ctx, query, func(line client.LogLine) error {
				if c.Bool(jsonFlag.Name) {
					return print.Line(c.App.Writer, line)
				}
				_, err := fmt.Fprintf(c.App.Writer, "%s %s\n", print.Paint(c.App.Writer, fmt.Sprintf("%-9s", line.Service), print.Dim), line.Line)
				return err
			})
		},
	}
}
