package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/cmd/internal/print"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/logfile"
)

func statusCommand() *cli.Command {
	return showCommand(&cli.Command{
		Name:         "status",
		Usage:        "show one service in full: needs, sockets, last exits, log lines",
		ArgsUsage:    "SERVICE",
		BashComplete: completeServices,
	}, func(c *cli.Context, runtime *client.Client) (client.Service, error) {
		name, err := oneService(c)
		if err != nil {
			return client.Service{}, err
		}
		return runtime.Status(c.Context, name)
	}, printStatus)
}

func printStatus(c *cli.Context, s client.Service) {
	out := c.App.Writer
	fmt.Fprintf(out, "%s %s - %s\n\n", s.Name, s.Version, s.Summary)
	field := func(name, value string) { print.Wrap(out, fmt.Sprintf("  %-10s %s", name, value), 13) }
	for _, i := range s.Instances {
		cell := statusCell(i)
		state := print.Paint(out, cell.Text, cell.Color)
		if i.Pid != 0 {
			state += fmt.Sprintf(", process %d since %s", i.Pid, print.Duration(seconds(i.UptimeSeconds)))
		}
		if i.Message != "" {
			state += ": " + i.Message + nextTry(i)
		}
		if len(s.Instances) > 1 {
			field("instance", i.Instance)
		}
		field("state", state)
		if i.Pid != 0 {
			field("memory", fmt.Sprintf("%s resident, %s proportional; %.1f s CPU", print.Bytes(i.RSSBytes), print.Bytes(i.PSSBytes), i.CPUSeconds))
		}
		field("restarts", fmt.Sprint(i.Restarts))
	}
	field("policy", policy(s))
	field("limits", limits(s.Memory))
	field("needs", orDash(len(s.Needs) > 0, strings.Join(s.Needs, ", ")))
	field("needed by", orDash(len(s.NeededBy) > 0, strings.Join(s.NeededBy, ", ")))
	for _, socket := range s.Sockets {
		field("socket", fmt.Sprintf("%s %s (%s)", socket.Network, socket.Address, held(socket)))
	}
	field("log", s.LogPath)
	fmt.Fprintln(out)
	printIsolation(out, s.Isolation)
	printExits(c, s.Exits)
	if len(s.LogTail) > 0 {
		var tail []string
		for _, line := range s.LogTail {
			tail = append(tail, line.Line)
		}
		fmt.Fprintf(out, "\nRecent log lines (`ocis logs %s` shows all of them)\n", s.Name)
		printLog(out, tail)
	}
}

// printLog shows what log lines say, a row of the terminal for each. What is said several
// times in a row, as in a crash loop, is shown once.
func printLog(out io.Writer, lines []string) {
	for n := 0; n < len(lines); {
		said, times := logfile.Read(lines[n]), 0
		for ; n < len(lines); n++ {
			if next := logfile.Read(lines[n]); next.Text != said.Text || next.More != said.More {
				break
			}
			times++
		}
		row := strings.TrimSpace(said.Text + " " + said.More)
		if !said.At.IsZero() {
			row = fmt.Sprintf("%s %-5s %s", said.At.Local().Format(time.TimeOnly), said.Level, row)
		}
		more := ""
		if times > 1 {
			more = fmt.Sprintf(" (%d times)", times)
		}
		fmt.Fprintf(out, "  %s%s\n", print.Shorten(row, print.Width-2-len(more)), more)
	}
}

func policy(s client.Service) string {
	text := "restart " + s.Restart
	if s.Essential {
		text += ", essential"
	}
	return text
}

// limits says how much memory an instance may take.
func limits(m client.Memory) string {
	soft := "no soft limit"
	if m.SoftBytes > 0 {
		soft = print.Bytes(m.SoftBytes) + " of memory before it saves"
	}
	if m.HardBytes > 0 {
		return fmt.Sprintf("%s, %s before it is ended (%s)", soft, print.Bytes(m.HardBytes), m.HardBy)
	}
	return fmt.Sprintf("%s, no hard limit: %s", soft, m.Reason)
}

func held(socket client.Socket) string {
	if socket.Held {
		return "held"
	}
	return "not bound"
}

// shownExits bounds what people see; --json has all.
const shownExits = 5

func printExits(c *cli.Context, exits []client.Exit) {
	if len(exits) == 0 {
		return
	}
	out := c.App.Writer
	fmt.Fprintf(out, "\nLast exits\n")
	for n, exit := range exits {
		if n == shownExits {
			fmt.Fprintf(out, "  and %d more (--json shows them)\n", len(exits)-n)
			break
		}
		message := exit.Message
		if n > 0 && message == exits[n-1].Message {
			message = "the same"
		}
		print.Wrap(out, fmt.Sprintf("  %s  pid %d after %s: %s; %s", exit.At.Local().Format("Jan _2 15:04:05"), exit.Pid,
			print.Duration(seconds(exit.UptimeSeconds)), message, exit.Decision), 4)
	}
	if last := exits[0]; !last.Expected && len(last.LastLines) > 0 {
		fmt.Fprintf(out, "\nLast words of process %d\n", last.Pid)
		printLog(out, last.LastLines[max(0, len(last.LastLines)-10):])
	}
}
