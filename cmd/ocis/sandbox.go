package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/cmd/internal/box"
	"github.com/owncloud/ocis-runtime/cmd/internal/print"
	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func sandboxCommand() *cli.Command {
	return &cli.Command{
		Name:        "sandbox",
		Usage:       "show, try and enter the sandboxes of services",
		Description: "A service runs in one after `ocis server --isolate=SERVICE`; docs/security.md says what that keeps in.",
		Subcommands: append([]*cli.Command{sandboxReportCommand(), sandboxTestCommand(), sandboxShellCommand()}, attemptCommands()...),
		Action:      unknownSubcommand,
	}
}

func sandboxReportCommand() *cli.Command {
	return showCommand(&cli.Command{
		Name:         "report",
		Usage:        "list every layer of the sandbox that a service runs in, with a score",
		ArgsUsage:    "SERVICE",
		BashComplete: completeServices,
	}, func(c *cli.Context, runtime *client.Client) (client.Isolation, error) {
		name, err := oneService(c)
		if err != nil {
			return client.Isolation{}, err
		}
		service, err := runtime.Status(c.Context, name)
		return service.Isolation, err
	}, func(c *cli.Context, isolation client.Isolation) { printIsolation(c.App.Writer, isolation) })
}

// printIsolation shows the layers and what the profile grants.
func printIsolation(out io.Writer, i client.Isolation) {
	fmt.Fprintf(out, "isolation: %s", i.Mode)
	if len(i.Layers) == 0 {
		fmt.Fprintf(out, "; %s\n", i.Message)
	} else {
		fmt.Fprintf(out, ", %.1f of 10\n\n", i.Score)
		var rows [][]print.Cell
		for _, layer := range i.Layers {
			rows = append(rows, []print.Cell{print.Text(layer.Name), layerState(layer), print.Text(layer.Detail)})
		}
		print.Table(out, []string{"LAYER", "STATE", "WHAT"}, rows)
		for _, layer := range i.Layers {
			if layer.Remedy != "" {
				print.Wrap(out, "to get "+layer.Name+": "+layer.Remedy, 2)
			}
		}
	}
	fmt.Fprintln(out)
	for _, grant := range grants(i.Profile) {
		print.Wrap(out, fmt.Sprintf("  %-12s %s", grant[0], grant[1]), 15)
	}
}

func layerState(layer client.Layer) print.Cell {
	colors := map[client.LayerState]print.Color{client.LayerEnforced: print.Green, client.LayerMissing: print.Red, client.LayerOff: print.Yellow}
	return print.Cell{Text: string(layer.State), Color: colors[layer.State]}
}

// grants says in words what a profile grants, a line each.
func grants(p plugins.Profile) [][2]string {
	list := func(names []string) string { return orDash(len(names) > 0, strings.Join(names, ", ")) }
	network := "no"
	if p.Network {
		network = "yes"
	}
	return [][2]string{
		{"writes", list(p.Write)}, {"reads", list(p.Read)}, {"peers", list(p.Peers)}, {"network", network},
		{"settings", list(p.Settings)}, {"variables", list(p.Environment)}, {"limits", grantedLimits(p.Limits.WithDefaults())},
	}
}

// grantedLimits says in words what a profile lets a service take of the machine.
func grantedLimits(l plugins.Limits) string {
	parts := []string{
		fmt.Sprintf("%d processes and threads", l.Processes), fmt.Sprintf("%d open files each", l.OpenFiles),
		print.Bytes(l.TmpBytes) + " in /tmp",
	}
	if l.FileBytes > 0 {
		parts = append(parts, "files of "+print.Bytes(l.FileBytes))
	}
	if l.CPUPercent > 0 {
		parts = append(parts, fmt.Sprintf("%d %% of one processor", l.CPUPercent))
	}
	return strings.Join(parts, ", ")
}

func sandboxShellCommand() *cli.Command {
	return &cli.Command{
		Name:      "shell",
		Aliases:   []string{"exec"},
		Usage:     "run a command in the sandbox of a service, to look around; /bin/sh without one",
		ArgsUsage: "SERVICE [COMMAND...]",
		Description: "The sandbox is the one that the service's children have, but for its sockets and memory limit, and " +
			"with the programs of the machine in it. The exit code is that of the command.",
		BashComplete: completeServices,
		Action:       sandboxShell,
	}
}

// shellNeeds is what the machine's programs are in.
var shellNeeds = []string{
	"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/usr/share/terminfo", "/lib/terminfo",
}

func sandboxShell(c *cli.Context) error {
	if !c.Args().Present() {
		return &usageError{fmt.Sprintf("one service is needed, like `%s webdav`", c.Command.HelpName)}
	}
	program, err := sandboxed(c.Args().First())
	if err != nil {
		return err
	}
	program.Args = []string{"/bin/sh"}
	if command := c.Args().Tail(); len(command) > 0 {
		program.Args = append([]string{"/bin/sh", "-c", `exec "$@"`, "sh"}, command...) // which looks in PATH
	}
	program.Show = slices.DeleteFunc(slices.Clone(shellNeeds), func(path string) bool {
		_, err := os.Stat(path)
		return err != nil
	})
	program.Files = []*os.File{os.Stdin, os.Stdout, os.Stderr}
	running, err := box.Start(program)
	if err != nil {
		return err
	}
	stop := passOn(running)
	defer stop()
	if exit := running.Wait(c.Context); exit.Signal != 0 || exit.Code != 0 {
		return &programError{name: program.Args[0], text: exit.String(), code: max(exit.Code, exitFailure)}
	}
	return nil
}

// passOn sends what is typed to end a program to the one in the sandbox, which is not in
// the terminal's session.
func passOn(running *box.Running) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for received := range signals {
			running.Signal(received.(syscall.Signal))
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}
}

// sandboxed returns a program without arguments in the sandbox of a service, which is
// SERVICE or SERVICE:best-effort.
func sandboxed(text string) (box.Program, error) {
	src, err := openOrNew()
	if err != nil {
		return box.Program{}, err
	}
	all, err := knownServices(src)
	if err != nil {
		return box.Program{}, err
	}
	d, err := supervisor.Isolated(all.declarations, text)
	if err != nil {
		return box.Program{}, &usageError{err.Error()}
	}
	return box.Program{Service: d, Others: all.declarations, Source: src, Binary: all.binary}, nil
}
