package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/cmd/internal/doctor"
	"github.com/owncloud/ocis-runtime/cmd/internal/print"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:        "doctor",
		Usage:       "look for what would stop a start here",
		Description: "Changes nothing. Exit code 1 when something would stop a start.",
		Flags:       []cli.Flag{jsonFlag},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			findings := doctor.Examine(wouldStart)
			if c.Bool(jsonFlag.Name) {
				if err := print.JSON(c.App.Writer, findings); err != nil {
					return err
				}
			} else {
				printFindings(c, findings)
			}
			for _, f := range findings {
				if f.Verdict == doctor.Fail {
					return errors.New("a start would fail: see above")
				}
			}
			return nil
		},
	}
}

// wouldStart plans a start, with a new ocis.yaml in mind when there is none.
func wouldStart() (doctor.Plan, error) {
	src, err := openOrNew()
	if err != nil {
		return doctor.Plan{}, err
	}
	p, err := planStart(src, nil)
	if err != nil {
		return doctor.Plan{}, err
	}
	planned := doctor.Plan{Source: src, Services: p.supervisor.Wanted()}
	for _, refusal := range p.refused {
		planned.Refused = append(planned.Refused, refusal.Reason)
	}
	for _, declaration := range planned.Services {
		for _, socket := range declaration.Sockets {
			if socket.Network == "tcp" {
				planned.Addresses = append(planned.Addresses, doctor.Address{Of: declaration.Name, Where: socket.Address})
			}
		}
	}
	if p.metricsAddr != "" {
		planned.Addresses = append(planned.Addresses, doctor.Address{Of: "metrics", Where: p.metricsAddr})
	}
	return planned, nil
}

func printFindings(c *cli.Context, findings []doctor.Finding) {
	colors := map[doctor.Verdict]print.Color{doctor.OK: print.Green, doctor.Warn: print.Yellow, doctor.Fail: print.Red}
	for _, f := range findings {
		verdict := fmt.Sprintf("%-4s", f.Verdict)
		fmt.Fprintf(c.App.Writer, "%s  %-16s %s\n", print.Paint(c.App.Writer, verdict, colors[f.Verdict]), f.Check, f.Found)
		if f.Remedy != "" {
			fmt.Fprintf(c.App.Writer, "      %-16s → %s\n", "", f.Remedy)
		}
	}
}
