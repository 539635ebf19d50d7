// Command bench measures what docs/performance.md promises and prints one table.
//
// Each row is measured in this run on this machine; what is compared is measured side
// by side, in turns. It works in temporary folders, on free ports of the loopback
// interface, and ends every process that it starts, on Ctrl-C too. It installs
// nothing: without Apache or litmus on the machine their rows say so.
//
// It owns the measuring and the targets. It leaves the judgement of an unsteady
// machine to the reader: medians are of few runs, and a busy neighbour shows in them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// wholeBench bounds a run; a bench that hangs must end by itself.
const wholeBench = 20 * time.Minute

// A group is a set of rows that are measured together.
type group struct {
	name    string
	summary string
	measure func(context.Context, *bench) error
}

var groups = []group{
	{"start", "ocis server to the first PROPFIND", measureStart},
	{"memory", "proportional set size of all processes", measureMemory},
	{"idle", "CPU of all processes at rest", measureIdle},
	{"list", "ocis list as a whole process", measureList},
	// Before those that leave many deleted files: ext4 without a journal makes a new file slowly
	// for minutes after that.
	{"children", "hundreds of trivial children", measureChildren},
	{"recovery", "kill -9 of each service to its replacement", measureRecovery},
	{"crash", "kill -9 of each service under a load of new connections", measureCrash},
	{"restart", "ocis restart under the same load", measureRestart},
	{"loop", "recovery beside a service that crashes all the time", measureLoop},
	{"leaks", "what thousands of kills leave behind", measureLeaks},
	{"isolation", "what a sandbox around each service costs", measureIsolation},
	{"litmus", "conformance through the proxy with TLS", measureLitmus},
	{"load", "WebDAV beside Apache mod_dav", measureLoad},
}

func main() {
	if acted, err := actAsCrowd(os.Args); acted {
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, wholeBench)
	err := run(ctx, os.Args[1:])
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	binary := flags.String("binary", "bin/ocis", "the ocis `file` to measure")
	only := flags.String("only", "", "comma-separated `groups` to measure instead of all: "+strings.Join(groupNames(), ", "))
	asJSON := flags.Bool("json", false, "print JSON instead of tables")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	wanted, err := chooseGroups(*only)
	if err != nil {
		return err
	}
	path, err := filepath.Abs(*binary)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%w; run make build first", err)
	}

	b := &bench{binary: path}
	began := time.Now()
	for _, g := range wanted {
		fmt.Fprintf(os.Stderr, "%5.0f s  %-9s %s\n", time.Since(began).Seconds(), g.name, g.summary)
		if err := g.measure(ctx, b); err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("stopped while measuring %s: %w", g.name, context.Cause(ctx))
			}
			// One group that cannot be measured does not take the others with it.
			b.failed(g, err)
		}
	}
	b.took = time.Since(began)
	if *asJSON {
		err = b.report.writeJSON(os.Stdout)
	} else {
		err = b.report.writeText(os.Stdout)
	}
	return errors.Join(err, b.broken)
}

func groupNames() []string {
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.name
	}
	return names
}

func chooseGroups(only string) ([]group, error) {
	if only == "" {
		return groups, nil
	}
	var wanted []group
next:
	for name := range strings.SplitSeq(only, ",") {
		for _, g := range groups {
			if g.name == strings.TrimSpace(name) {
				wanted = append(wanted, g)
				continue next
			}
		}
		return nil, fmt.Errorf("-only %q: no group is called that; there are %s", name, strings.Join(groupNames(), ", "))
	}
	return wanted, nil
}
