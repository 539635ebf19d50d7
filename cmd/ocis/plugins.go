package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/cmd/internal/manifest"
	"github.com/owncloud/ocis-runtime/cmd/internal/plugindir"
	"github.com/owncloud/ocis-runtime/cmd/internal/print"
	"github.com/owncloud/ocis-runtime/cmd/internal/skeleton"
	"github.com/owncloud/ocis-runtime/plugins/config"
)

func pluginsCommand() *cli.Command {
	return &cli.Command{
		Name:        "plugins",
		Usage:       "show, add and remove services from outside",
		Description: "They are executables in OCIS_PLUGINS_DIR, each with a manifest beside it; docs/plugins.md says how to make one.",
		Action:      unknownSubcommand,
		Subcommands: []*cli.Command{
			{Name: "list", Usage: "show all, and why some do not run", Flags: []cli.Flag{jsonFlag}, Action: listPlugins},
			{
				Name: "install", Usage: "ask an executable who it is, copy it and list it", ArgsUsage: "PATH", Action: installPlugin,
				Description: "The service has the name of the file. It runs from the next start of the runtime on.",
			},
			{Name: "remove", Usage: "delete an executable and its manifest", ArgsUsage: "NAME", Action: removePlugin, BashComplete: completePlugins},
			{
				Name: "verify", Usage: "check all manifests and checksums", Action: verifyPlugins,
				Description: "Exit code 1 when one would not run.",
			},
			{
				Name: "new", Usage: "write a module with a service that works", ArgsUsage: "NAME", Action: newPlugin,
				Flags: []cli.Flag{&cli.StringFlag{Name: "replace", Usage: "build with the source in `DIR`, without network"}},
			},
		},
	}
}

// readPlugins reads all services, of which those from outside are shown.
func readPlugins() (*config.Source, *known, error) {
	src, err := openOrNew()
	if err != nil {
		return nil, nil, err
	}
	all, err := knownServices(src)
	return src, all, err
}

// completePlugins completes the names of services from outside.
func completePlugins(*cli.Context) {
	paths, err := config.ResolvePaths()
	if err != nil {
		return // a shell asks: there is nothing to complete
	}
	for _, name := range plugindir.Read(paths, nil).Names() {
		fmt.Fprintln(os.Stdout, name)
	}
}

// pluginRow is a plugin as programs see it.
type pluginRow struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Summary string `json:"summary"`
	SHA256  string `json:"sha256"`
	Refused string `json:"refused,omitempty"` // why it does not run
}

func listPlugins(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	_, all, err := readPlugins()
	if err != nil {
		return err
	}
	list := []pluginRow{}
	for _, p := range all.outside.Plugins {
		d := p.Declaration
		list = append(list, pluginRow{Name: d.Name, Version: d.Version, Summary: d.Summary, SHA256: p.Program.SHA256})
	}
	for _, refusal := range all.outside.Refused {
		list = append(list, pluginRow{Name: refusal.Name, Refused: refusal.Reason.Error()})
	}
	if c.Bool(jsonFlag.Name) {
		return print.JSON(c.App.Writer, list)
	}
	var rows [][]print.Cell
	for _, row := range list {
		if row.Refused != "" {
			rows = append(rows, []print.Cell{print.Text(row.Name), print.Text("-"), {Text: "refused, as said below", Color: print.Red}})
			continue
		}
		rows = append(rows, []print.Cell{print.Text(row.Name), print.Text(orDash(row.Version != "", row.Version)), print.Text(print.Shorten(row.Summary, 40))})
	}
	print.Table(c.App.Writer, []string{"NAME", "VERSION", "SUMMARY"}, rows)
	for _, refusal := range all.outside.Refused {
		print.Wrap(c.App.Writer, refusal.Reason.Error(), 2)
	}
	return nil
}

func installPlugin(c *cli.Context) error {
	if c.Args().Len() != 1 {
		return &usageError{fmt.Sprintf("one executable is needed, like `%s ./greeter`", c.Command.HelpName)}
	}
	src, err := openOrNew()
	if err != nil {
		return err
	}
	declared, err := builtins(src)
	if err != nil {
		return err
	}
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program's own file: %w", err)
	}
	p, err := plugindir.Installation{Path: c.Args().First(), Source: src, Builtin: declared, Binary: binary}.Install(c.Context)
	if err != nil {
		return err
	}
	d := p.Declaration
	fmt.Fprintf(c.App.Writer, "installed %s %s\n%s\n", d.Name, d.Version, src.Paths.Plugins)
	for _, grant := range grants(d.Profile) {
		print.Wrap(c.App.Writer, fmt.Sprintf("  %-12s %s", grant[0], grant[1]), 15)
	}
	fmt.Fprintln(c.App.Writer, "It runs from the next start of the runtime on.")
	return nil
}

func removePlugin(c *cli.Context) error {
	name, err := onePlugin(c)
	if err != nil {
		return err
	}
	paths, err := config.ResolvePaths()
	if err != nil {
		return err
	}
	if err := plugindir.Remove(paths, name); err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "removed %s; what runs of it goes on, `ocis kill %s` stops it\n", name, name)
	return nil
}

func onePlugin(c *cli.Context) (string, error) {
	if c.Args().Len() != 1 {
		return "", &usageError{fmt.Sprintf("one name is needed, like `%s greeter`", c.Command.HelpName)}
	}
	return c.Args().First(), nil
}

func verifyPlugins(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	_, all, err := readPlugins()
	if err != nil {
		return err
	}
	var bad []string
	for _, p := range all.outside.Plugins {
		verdict := "ok"
		if err := p.Verify(); err != nil {
			verdict, bad = err.Error(), append(bad, p.Declaration.Name)
		}
		print.Wrap(c.App.Writer, p.Declaration.Name+": "+verdict, 2)
	}
	for _, refusal := range all.outside.Refused {
		bad = append(bad, refusal.Name)
		print.Wrap(c.App.Writer, refusal.Name+": "+refusal.Reason.Error(), 2)
	}
	if len(bad) > 0 {
		return fmt.Errorf("%s would not run: see above", strings.Join(bad, ", "))
	}
	return nil
}

func newPlugin(c *cli.Context) error {
	name, err := onePlugin(c)
	if err != nil {
		return err
	}
	if err := manifest.CheckName(name); err != nil {
		return &usageError{err.Error()}
	}
	released, isReleased := moduleVersion()
	folder, err := skeleton.Write(".", name, released, c.String("replace"))
	if err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "wrote %s\n", folder)
	if !isReleased && c.String("replace") == "" {
		print.Wrap(c.App.Writer, "This build has no released version, so say where the source of ocis is: "+
			"go mod edit -replace "+skeleton.Module+"=DIR", 2)
	}
	fmt.Fprintf(c.App.Writer, "next: cd %s && go build -mod=mod -o %s . && ocis plugins install %s\n", folder, name, name)
	return nil
}

// moduleVersion returns this build's version as one of a Go module, and whether it is one
// that can be fetched.
func moduleVersion() (version string, released bool) {
	if v := versionOf().Version; strings.HasPrefix(v, "v") && strings.Count(v, ".") == 2 && !strings.Contains(v, "-") {
		return v, true
	}
	return skeleton.Unreleased, false
}
