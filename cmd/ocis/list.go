package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/cmd/internal/print"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func listCommand() *cli.Command {
	return showCommand(&cli.Command{
		Name:  "list",
		Usage: "show every service with its process",
	}, func(c *cli.Context, runtime *client.Client) ([]client.Instance, error) {
		if err := noArguments(c); err != nil {
			return nil, err
		}
		return runtime.List(c.Context)
	}, printInstances)
}

// maxNode keeps the table within 80 columns on machines with long names.
const maxNode = 12

func printInstances(c *cli.Context, instances []client.Instance) {
	var rows [][]print.Cell
	for _, i := range instances {
		rows = append(rows, []print.Cell{
			print.Text(rowName(i, instances)), statusCell(i), print.Text(orDash(i.Pid != 0, fmt.Sprint(i.Pid))),
			print.Text(orDash(i.Pid != 0, print.Duration(seconds(i.UptimeSeconds)))), print.Text(fmt.Sprint(i.Restarts)),
			print.Text(orDash(i.Pid != 0, fmt.Sprintf("%.1fs", i.CPUSeconds))), print.Text(orDash(i.Pid != 0, print.Bytes(i.RSSBytes))),
			print.Text(isolated(i)), print.Text(print.Shorten(i.Node, maxNode)),
		})
	}
	print.Table(c.App.Writer, []string{"SERVICE", "STATUS", "PID", "UPTIME", "RESTARTS", "CPU", "MEM", "ISOLATED", "NODE"}, rows)
	if text := hardLimits(instances); text != "" {
		fmt.Fprintln(c.App.Writer, print.Paint(c.App.Writer, text, print.Dim))
	}
	for _, i := range instances {
		if i.Message != "" && i.Status != client.StatusReady && i.Status != client.StatusStopped {
			print.Wrap(c.App.Writer, rowName(i, instances)+": "+i.Message+nextTry(i), 2)
		}
	}
}

// rowName is the service's name, as long as that has one instance among these.
func rowName(i client.Instance, among []client.Instance) string {
	for _, other := range among {
		if other.Service == i.Service && other.Instance != i.Instance {
			return i.Instance
		}
	}
	return i.Service
}

// hardLimits says which limits of memory apply to the processes that run.
func hardLimits(instances []client.Instance) string {
	var least, most uint64
	var without []string
	for _, i := range instances {
		switch {
		case i.Pid == 0, slices.Contains(without, i.Instance): // one of its processes was without already
		case i.MemoryLimitBytes == 0:
			without = append(without, i.Instance)
		default:
			most = max(most, i.MemoryLimitBytes)
			if least == 0 || i.MemoryLimitBytes < least {
				least = i.MemoryLimitBytes
			}
		}
	}
	switch {
	case most == 0 && without == nil:
		return ""
	case most == 0:
		return "memory: no hard limits; `ocis doctor` says why"
	}
	text := "memory: hard limits of " + print.Bytes(least)
	if least < most {
		text += " to " + print.Bytes(most)
	}
	if without != nil {
		text += ", none for " + strings.Join(without, ", ")
	}
	return text
}

func statusCell(i client.Instance) print.Cell {
	colors := map[client.Status]print.Color{
		client.StatusReady: print.Green, client.StatusStarting: print.Yellow, client.StatusStopping: print.Yellow,
		client.StatusUnhealthy: print.Yellow, client.StatusBackoff: print.Red, client.StatusFailed: print.Red, client.StatusStopped: print.Dim,
	}
	return print.Cell{Text: string(i.Status), Color: colors[i.Status]}
}

// nextTry says when a service in backoff is started again.
func nextTry(i client.Instance) string {
	if i.NextStart == nil {
		return ""
	}
	return fmt.Sprintf(" (next try in %s)", print.Duration(max(0, time.Until(*i.NextStart))))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func orDash(is bool, text string) string {
	if is {
		return text
	}
	return "-"
}

// isolated says whether a process is in a sandbox, and in a whole one.
func isolated(i client.Instance) string {
	switch {
	case i.Isolated:
		return "yes"
	case i.Isolation != "":
		return i.Isolation
	}
	return "no"
}
