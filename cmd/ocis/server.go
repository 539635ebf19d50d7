package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/bus"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/plugins/registry"
	"github.com/owncloud/ocis-runtime/plugins/stray"
	"github.com/owncloud/ocis-runtime/supervisor"
	"github.com/owncloud/ocis-runtime/supervisor/broadcast"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/control"
	"github.com/owncloud/ocis-runtime/supervisor/metrics"
	"github.com/owncloud/ocis-runtime/supervisor/process"
)

// runtimeName is the runtime's own name in the registry.
const runtimeName = "runtime"

func serverCommand() *cli.Command {
	return &cli.Command{
		Name:  "server",
		Usage: "start every service as a process of its own, in the foreground",
		Description: "Writes ocis.yaml with generated secrets when there is none. Ready when it says so. " +
			"Ctrl-C stops the services in reverse order of need; a second Ctrl-C kills them at once.\n\n" +
			"--isolate SERVICE runs that service in a sandbox, SERVICE:best-effort with the layers that the " +
			"machine has, all every service, none no service. It may be repeated.\n\n" +
			"Exit codes: 0 stopped in order, 1 could not start, 3 an essential service failed for good.\n\n" +
			"OCIS_BASE_DATA_PATH says where the data is (default ~/.ocis).",
		Flags: []cli.Flag{&cli.StringSliceFlag{
			Name:  "isolate",
			Usage: "run `SERVICE` in a sandbox (repeatable)",
		}},
		Action: server,
	}
}

func server(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	surviveLostOutput(c)
	made, err := initWhenMissing()
	if err != nil {
		return err
	}
	src, err := config.Open()
	if err != nil {
		return err
	}
	p, err := planStart(src, c.StringSlice("isolate"))
	if err != nil {
		return err
	}
	for _, refusal := range p.refused {
		p.log.WithField("service", refusal.Name).Errorf("%v; the others run", refusal.Reason)
	}
	greeted := false
	err = supervise(src, p, func() {
		greeted = true
		greet(c.App.Writer, p.url(), made)
	})
	if !greeted { // the password is shown at the first start, also when that fails
		greet(c.App.Writer, "", made)
	}
	return err
}

// supervise runs the supervisor with its control API until a signal ends it. It calls
// greet when nothing stands in the way of the start any more.
func supervise(src *config.Source, p *plan, greet func()) error {
	log, sup := p.log, p.supervisor
	release, err := captureStray(log)
	if err != nil {
		return err
	}
	defer release()
	collector := newCollector(sup, p.recorder, log)
	ctx, stopSignals := stopOnSignal(sup, log)
	defer stopSignals()
	var helpers sync.WaitGroup
	defer helpers.Wait()
	ended := make(chan struct{})
	defer close(ended)
	helpers.Go(func() { notifySystemd(sup, log, ended) })
	return sup.Serve(ctx, func() (func(), error) {
		closeMetrics, err := serveMetrics(p.metricsAddr, collector, log)
		if err != nil {
			return nil, err
		}
		closeDoors, err := openDoors(src, p, collector)
		if err != nil {
			closeMetrics()
			return nil, err
		}
		greet()
		return func() {
			closeDoors()
			closeMetrics()
		}, nil
	})
}

// captureStray brings what libraries print into the runtime's log.
func captureStray(log *logrus.Logger) (release func(), err error) {
	entry := log.WithField("component", "runtime")
	stray.CaptureLog(entry)
	return stray.CaptureStderr(entry)
}

// openDoors makes the runtime reachable, once it is known to be the only one: the control
// API, and over NATS the registry and the events. close ends both.
func openDoors(src *config.Source, p *plan, collector *metrics.Collector) (close func(), err error) {
	log, sup, announcer := p.log, p.supervisor, p.announcer
	announcer.Reset()
	socket := filepath.Join(src.Paths.Run, client.SocketName)
	api, err := control.Listen(socket, sup, collector, log)
	if err != nil {
		return nil, err
	}
	announcer.Enter(runtimeName, []plugins.Registration{{
		Service: runtimeName, Version: versionOf().Version, NodeID: runtimeName, Address: "unix:" + socket,
		Metadata: runtimeMetadata(sup.Names(), p.services),
	}})
	conn, err := bus.Connect(src, runtimeName)
	if err == nil {
		err = announcer.Publish(conn)
	}
	if err != nil {
		return nil, errors.Join(err, api.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	var announcing sync.WaitGroup
	announcing.Go(func() { announcer.Serve(ctx) })
	announcing.Go(func() { broadcast.Run(ctx, conn, p.node, sup.History(), log.WithField("component", "broadcast")) })
	return func() {
		cancel()
		announcing.Wait()
		announcer.Reset()
		conn.Close()
		if err := api.Close(); err != nil {
			log.WithError(err).Warn("the control API did not close cleanly")
		}
	}, nil
}

// runtimeMetadata says what is spoken at the runtime's node, and which services run, by
// their names, out of all that there are.
func runtimeMetadata(names []string, services []plugins.Declaration) map[string]string {
	metadata := map[string]string{"protocol": "http", registry.Keeps + runtimeName: "keeps all the others alive"}
	for _, service := range services {
		if slices.Contains(names, service.Name) {
			metadata[registry.Keeps+service.Name] = service.Summary
		}
	}
	return metadata
}

// surviveLostOutput keeps the runtime, and with it the order of the shutdown, when nobody
// reads its output any more: Ctrl-C at `ocis server | tee log` ends tee first. A write is
// an error then, and none that counts; without this it would end the process (os/signal,
// SIGPIPE).
func surviveLostOutput(c *cli.Context) {
	c.App.Writer = os.Stdout
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
}

// heeded are the signals that stop the runtime. One that whoever started it has ignored
// stays so: `nohup ocis server &` outlives its terminal.
func heeded() []os.Signal {
	return slices.DeleteFunc([]os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}, signal.Ignored)
}

// sameWish is how soon a second signal means nothing new: some programs signal a process and
// its whole group.
const sameWish = 100 * time.Millisecond

// stopOnSignal returns a context that the first heeded signal ends; the second aborts.
func stopOnSignal(sup *supervisor.Supervisor, log *logrus.Logger) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, heeded()...)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		var first time.Time
		for received := range signals {
			if ctx.Err() != nil && time.Since(first) < sameWish {
				continue
			}
			if ctx.Err() != nil {
				log.Warn("asked twice: killing what still runs")
				sup.Abort()
				continue
			}
			first = time.Now()
			name := process.SignalName(received.(syscall.Signal))
			log.WithField("signal", name).Infof("stopping on %s; once more to kill at once", name)
			cancel()
		}
	})
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel()
		waiting.Wait()
	}
}

// greet tells the user where to go, if there is such a place, and at the first start with
// which password.
func greet(out io.Writer, url string, made *firstStart) {
	if url == "" && made == nil {
		return
	}
	line := func(name, value string) { fmt.Fprintf(out, "  %-9s %s\n", name, value) }
	fmt.Fprintln(out)
	if url != "" {
		line("URL", url)
	}
	line("user", "admin")
	if made != nil {
		line("password", made.shownPassword())
		line("settings", made.file)
	}
	fmt.Fprintln(out)
}
