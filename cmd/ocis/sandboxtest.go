package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/cmd/internal/box"
	"github.com/owncloud/ocis-runtime/cmd/internal/print"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/sandbox/escape"
)

// openFlag switches the sandbox off.
var openFlag = &cli.BoolFlag{Name: "without", Usage: "try it without a sandbox"}

func sandboxTestCommand() *cli.Command {
	return &cli.Command{
		Name:      "test",
		Usage:     "try to get out of the sandbox of a service, in many ways",
		ArgsUsage: "SERVICE",
		Description: "Each attempt is made in the sandbox that the service's children have, and is harmless. " +
			"No runtime needs to run. Exit code 1: something got out, or could not be tried.",
		Flags:        []cli.Flag{openFlag, jsonFlag},
		BashComplete: completeServices,
		Action:       sandboxTest,
	}
}

// The words of the commands that the suite runs in the sandbox.
var runner = box.Runner{All: []string{"sandbox", "attempts"}, One: []string{"sandbox", "attempt"}}

// attemptCommands are what runs in the sandbox; nobody types them.
func attemptCommands() []*cli.Command {
	return []*cli.Command{
		{Name: runner.All[1], Hidden: true, Action: func(c *cli.Context) error {
			var targets escape.Targets
			if err := json.Unmarshal([]byte(c.Args().First()), &targets); err != nil {
				return fmt.Errorf("read what to aim at: %w", err)
			}
			binary, err := os.Executable()
			if err != nil {
				return err
			}
			for result := range escape.Run(c.Context, slices.Concat([]string{binary}, runner.One), &targets, true) {
				if err := print.Line(c.App.Writer, result); err != nil {
					return err
				}
			}
			return nil
		}},
		{Name: runner.One[1], Hidden: true, Action: func(c *cli.Context) error {
			targets, err := escape.TargetsFromEnvironment()
			if err != nil {
				return err
			}
			os.Exit(escape.Attempt(c.Args().First(), targets))
			return nil
		}},
	}
}

// suiteResult is what the suite found.
type suiteResult struct {
	Service  string          `json:"service"`
	Isolated bool            `json:"isolated"`
	Layers   []client.Layer  `json:"layers"`
	Attempts []escape.Result `json:"attempts"`
}

func sandboxTest(c *cli.Context) error {
	name, err := oneService(c)
	if err != nil {
		return err
	}
	program, err := sandboxed(name)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.Context, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	result := suiteResult{Service: program.Service.Name, Isolated: !c.Bool(openFlag.Name), Layers: []client.Layer{}}
	if result.Isolated {
		result.Attempts, result.Layers, err = box.Try(ctx, program, runner)
	} else {
		result.Attempts, err = box.TryOpen(ctx, program, runner)
	}
	if err != nil {
		return err
	}
	if c.Bool(jsonFlag.Name) {
		err = print.JSON(c.App.Writer, result)
	} else {
		printSuite(c.App.Writer, result)
	}
	if err != nil || !result.Isolated {
		return err
	}
	return result.problem()
}

// problem is what is wrong with a sandbox, or with what was tried.
func (r suiteResult) problem() error {
	escaped, untried := 0, 0
	for _, attempt := range r.Attempts {
		switch {
		case attempt.Escaped:
			escaped++
		case attempt.Untried:
			untried++
		}
	}
	switch {
	case escaped > 0:
		return fmt.Errorf("%d of %d attempts got out of the sandbox of %s", escaped, len(r.Attempts), r.Service)
	case untried > 0:
		return fmt.Errorf("%d of %d attempts could not be made, so that nothing is proven", untried, len(r.Attempts))
	}
	return nil
}

// maxWords bounds a column of the table; --json has all of it.
const maxWords = 48

func printSuite(out io.Writer, r suiteResult) {
	counts := map[string]int{}
	var rows [][]print.Cell
	for _, attempt := range r.Attempts {
		verdict := verdictOf(attempt)
		counts[verdict.Text]++
		rows = append(rows, []print.Cell{
			print.Text(attempt.Name), verdict, print.Text(print.Shorten(attempt.Expected, maxWords)), print.Text(print.Shorten(got(attempt), maxWords)),
		})
	}
	print.Table(out, []string{"ATTEMPT", "VERDICT", "EXPECTED", "GOT"}, rows)
	where := "in its sandbox"
	if !r.Isolated {
		where = "without a sandbox"
	}
	fmt.Fprintf(out, "\n%s %s: %d attempts, %d got out, %d refused, %d do not apply to this machine, %d not tried\n",
		r.Service, where, len(r.Attempts), counts[escaped.Text], counts[refused.Text], counts[notHere.Text], counts[untried.Text])
}

// The verdicts on an attempt.
var (
	escaped = print.Cell{Text: "OUT", Color: print.Red}
	refused = print.Cell{Text: "refused", Color: print.Green}
	notHere = print.Cell{Text: "n/a", Color: print.Dim}
	untried = print.Cell{Text: "untried", Color: print.Yellow}
)

func verdictOf(r escape.Result) print.Cell {
	switch {
	case r.Escaped:
		return escaped
	case r.Untried:
		return untried
	case r.NotApplicable != "":
		return notHere
	}
	return refused
}

func got(r escape.Result) string {
	if r.NotApplicable != "" {
		return r.NotApplicable
	}
	return r.Got
}
