package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/cmd/internal/chaos"
	"github.com/owncloud/ocis-runtime/cmd/internal/print"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/services/proxy"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// chaosPassword is the variable with the password of --user.
const chaosPassword = "OCIS_CHAOS_PASSWORD"

func chaosCommand() *cli.Command {
	return &cli.Command{
		Name:  "chaos",
		Usage: "hit random services while asking for pages, and count what people would notice",
		Description: "Prints what it will hit and when, a line for each hit, and a table at the end. " +
			"A service that is not ready at its turn is waited for, at most 45 s, and so " +
			"are those behind it. Ctrl-C ends the run in order, with the table so far.\n\n" +
			"It asks the proxy of this runtime for /status.php, 50 times a second and each " +
			"time on a new connection, and with --user for the user's folder in turns. The " +
			"password comes from OCIS_CHAOS_PASSWORD or --password-file.\n\n" +
			"It refuses a runtime, and a URL, that it cannot see to be this machine's.\n\n" +
			"Exit codes: 0 done; 1 a limit was broken, something is not ready again, or " +
			"nothing could be hit; 2 the command line makes no sense.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "services", Usage: "hit only these, like web,webdav (default: all)"},
			&cli.StringSliceFlag{Name: "signals", Usage: "only these (default: KILL,STOP,SEGV,TERM)"},
			&cli.DurationFlag{Name: "every", Value: 2 * time.Second, Usage: "one hit in each interval of this length"},
			&cli.DurationFlag{Name: "for", Value: time.Minute, Usage: "how long"},
			&cli.Uint64Flag{Name: "seed", Usage: "repeat the schedule of a run", DefaultText: "random"},
			&cli.StringFlag{Name: "probe", Usage: "a URL of this machine to ask instead of /status.php"},
			&cli.StringFlag{Name: "user", Usage: "ask for this user's folder as well"},
			&cli.StringFlag{Name: "password-file", Usage: "a file with the password of --user", TakesFile: true},
			&cli.IntFlag{Name: "max-failed", Usage: "exit code 1 if more requests fail", DefaultText: "no limit"},
			&cli.DurationFlag{Name: "max-recovery", Usage: "exit code 1 if one takes longer", DefaultText: "no limit"},
			jsonFlag,
		},
		BashComplete: completeChaos,
		Action:       chaosAction,
	}
}

func chaosAction(c *cli.Context) error {
	plan, limits, err := chaosPlan(c)
	if err != nil {
		return err
	}
	wish, err := chaosWish(c)
	if err != nil {
		return err
	}
	surviveLostOutput(c) // or a child could stay stopped because nobody reads the lines
	ctx, cut, stop := twoInterrupts(c.Context)
	defer stop()
	ctx, end := context.WithCancel(ctx)
	defer end()
	run, err := prepareChaos(ctx, plan, wish)
	if err != nil {
		return err
	}
	out, quiet := c.App.Writer, c.Bool(jsonFlag.Name)
	if !quiet {
		chaos.WriteSchedule(out, run.Plan, run.Questions)
	}
	run.Tell = func(r chaos.Recovery) {
		if !quiet && chaos.WriteRecovery(out, r) != nil {
			end()
		}
	}
	report, err := run.Do(ctx, cut)
	report.BrokenLimits = limits.Broken(report)
	if quiet {
		err = errors.Join(print.JSON(out, report), err)
	} else {
		report.WriteText(out)
	}
	return errors.Join(err, report.Verdict())
}

// chaosPlan reads what is to be hit. An empty list of services means all.
func chaosPlan(c *cli.Context) (plan chaos.Plan, limits chaos.Limits, err error) {
	if err := noArguments(c); err != nil {
		return plan, limits, err
	}
	plan = chaos.Plan{Seed: c.Uint64("seed"), Services: c.StringSlice("services"), Every: c.Duration("every"), For: c.Duration("for")}
	if !c.IsSet("seed") {
		plan.Seed = uint64(rand.Uint32()) // short enough to be written down
	}
	for _, name := range c.StringSlice("signals") {
		name, err := chaos.ParseSignal(name)
		if err != nil {
			return plan, limits, &usageError{err.Error()}
		}
		plan.Signals = append(plan.Signals, name)
	}
	if len(plan.Signals) == 0 {
		plan.Signals = chaos.Signals()
	}
	if err := plan.Check(); err != nil {
		return plan, limits, &usageError{err.Error()}
	}
	if failed := c.Int("max-failed"); c.IsSet("max-failed") {
		limits.Failed = &failed
	}
	if recovery := c.Duration("max-recovery"); c.IsSet("max-recovery") {
		limits.Recovery = &recovery
	}
	if c.Int("max-failed") < 0 || c.Duration("max-recovery") < 0 {
		return plan, limits, &usageError{"a limit cannot be negative"}
	}
	return plan, limits, nil
}

// chaosWish reads what is to be asked, and a password that was no argument: other users of
// the machine see those.
func chaosWish(c *cli.Context) (chaos.Wish, error) {
	wish := chaos.Wish{URL: c.String("probe"), User: c.String("user"), Password: os.Getenv(chaosPassword)}
	if err := wish.Check(); err != nil {
		return wish, &usageError{err.Error()}
	}
	file := c.String("password-file")
	switch {
	case wish.User == "" && file != "":
		return wish, &usageError{"--password-file is of no use without --user"}
	case wish.User == "":
		wish.Password = ""
	case file != "":
		text, err := os.ReadFile(file)
		if err != nil {
			return wish, fmt.Errorf("read the password: %w", err)
		}
		wish.Password = strings.TrimRight(string(text), "\r\n")
	case wish.Password == "":
		return wish, &usageError{"a password is needed for --user: set " + chaosPassword + " or give --password-file"}
	}
	return wish, nil
}

// prepareChaos looks whose runtime it is before anything else.
func prepareChaos(ctx context.Context, plan chaos.Plan, wish chaos.Wish) (*chaos.Run, error) {
	src, err := config.Open()
	if err != nil {
		return nil, err
	}
	settings, err := proxy.ReadSettings(src)
	if err != nil {
		return nil, err
	}
	runtime := client.New(src.Paths.Run)
	instances, err := runtime.List(ctx)
	if err != nil {
		return nil, err
	}
	if err := chaos.Ours(ctx, src.Paths.Run, instances); err != nil {
		return nil, err
	}
	var unknown *chaos.UnknownServiceError
	plan.Services, err = chaos.Choose(ctx, runtime, instances, plan.Services, plan.Signals)
	if errors.As(err, &unknown) {
		return nil, &usageError{err.Error()}
	}
	if err != nil {
		return nil, err
	}
	front := chaos.Front{Service: proxy.Name, TLS: settings.TLS, Certificate: settings.CertificateFile(src.Paths)}
	questions, err := chaos.Ask(ctx, runtime, instances, front, wish)
	if err != nil {
		return nil, err
	}
	return &chaos.Run{Runtime: runtime, Plan: plan, Questions: questions}, nil
}

// twoInterrupts returns a context that the first SIGINT or SIGTERM ends, and one that the
// second ends. stop ends both.
func twoInterrupts(parent context.Context) (first, second context.Context, stop func()) {
	second, cut := context.WithCancel(parent)
	first, end := context.WithCancel(second)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range signals {
			if first.Err() != nil {
				cut()
			}
			end()
		}
	}()
	return first, second, func() {
		signal.Stop(signals)
		close(signals)
		<-done
		cut()
	}
}

// completeChaos completes names of services and signals behind their flags, and flags.
func completeChaos(c *cli.Context) {
	before := ""
	if len(os.Args) > 2 {
		before = os.Args[len(os.Args)-2]
	}
	switch before {
	case "--services":
		completeServices(c)
	case "--signals":
		fmt.Fprintln(os.Stdout, strings.Join(chaos.Signals(), "\n"))
	default:
		for _, flag := range c.Command.Flags {
			fmt.Fprintln(os.Stdout, "--"+flag.Names()[0])
		}
	}
}
