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

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/bus"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/plugins/logging"
	"github.com/owncloud/ocis-runtime/plugins/registry"
	"github.com/owncloud/ocis-runtime/services/proxy"
	"github.com/owncloud/ocis-runtime/supervisor"
	"github.com/owncloud/ocis-runtime/supervisor/broadcast"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/control"
	"github.com/owncloud/ocis-runtime/supervisor/metrics"
)

// runtimeName is the runtime's own name in the registry.
const runtimeName = "runtime"

func serverCommand() *cli.Command {
	return &cli.Command{
		Name:  "server",
		Usage: "start every service as a process of its own, in the foreground",
		Description: "Writes ocis.yaml with generated secrets when there is none. Ready when it says so.\n" +
			"Ctrl-C stops the services in reverse order of need; a second Ctrl-C kills them at once.\n\n" +
			"Exit codes: 0 stopped in order, 1 could not start, 3 an essential service failed for good.\n\n" +
			"OCIS_BASE_DATA_PATH says where the data is (default ~/.ocis).",
		Action: server,
	}
}

func server(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	surviveLostOutput()
	made, err := initWhenMissing()
	if err != nil {
		return err
	}
	src, services, err := declarations()
	if err != nil {
		return err
	}
	log, err := logging.New(src, os.Stderr)
	if err != nil {
		return err
	}
	options, err := supervisorOptions(src, log, services)
	if err != nil {
		return err
	}
	way, err := proxy.ReadSettings(src)
	if err != nil {
		return err
	}
	greeted := false
	greetOnce := func() {
		greeted = true
		greet(c.App.Writer, way.URL(), made)
	}
	err = supervise(src, log, options, greetOnce)
	if made != nil && !greeted { // the password is shown at the first start, also when that fails
		greetOnce()
	}
	return err
}

func supervisorOptions(src *config.Source, log *logrus.Logger, services []plugins.Declaration) (supervisor.Options, error) {
	options := supervisor.Options{Paths: src.Paths, Log: log, Environ: os.Environ(), Declarations: services}
	if err := src.Fill(supervisor.Section, &options.Settings); err != nil {
		return options, err
	}
	var err error
	if options.Executable, err = os.Executable(); err != nil {
		return options, fmt.Errorf("find the program's own file: %w", err)
	}
	if options.Node, err = os.Hostname(); err != nil {
		return options, fmt.Errorf("find the machine's name: %w", err)
	}
	return options, nil
}

// supervise runs the supervisor with its control API until a signal ends it. It calls
// greet when nothing stands in the way of the start any more.
func supervise(src *config.Source, log *logrus.Logger, options supervisor.Options, greet func()) error {
	announcer := registry.NewAnnouncer(options.Node, src.Paths.Run, log.WithField("component", "registry"))
	options.Registrar = announcer
	options.Recorder = metrics.NewRecorder()
	sup, err := supervisor.New(options)
	if err != nil {
		return err
	}
	collector := newCollector(sup, options.Recorder, log)
	ctx, stopSignals := stopOnSignal(sup, log)
	defer stopSignals()
	var helpers sync.WaitGroup
	defer helpers.Wait()
	ended := make(chan struct{})
	defer close(ended)
	helpers.Go(func() { notifySystemd(sup, ended) })
	return sup.Serve(ctx, func() (func(), error) {
		closeMetrics, err := serveMetrics(options.Settings.MetricsAddr, collector, log)
		if err != nil {
			return nil, err
		}
		closeDoors, err := openDoors(src, log, options.Node, sup, collector, announcer, options.Declarations)
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

// openDoors makes the runtime reachable, once it is known to be the only one: the control
// API, and over NATS the registry and the events. close ends both.
func openDoors(src *config.Source, log *logrus.Logger, node string, sup *supervisor.Supervisor, collector *metrics.Collector, announcer *registry.Announcer, services []plugins.Declaration) (close func(), err error) {
	announcer.Reset()
	socket := filepath.Join(src.Paths.Run, client.SocketName)
	api, err := control.Listen(socket, sup, collector, log)
	if err != nil {
		return nil, err
	}
	announcer.Enter(runtimeName, []plugins.Registration{{
		Service: runtimeName, Version: versionOf().Version, NodeID: runtimeName, Address: "unix:" + socket,
		Metadata: runtimeMetadata(sup.Names(), services),
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
	announcing.Go(func() { broadcast.Run(ctx, conn, node, sup.History(), log.WithField("component", "broadcast")) })
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
// an error then; without this it would end the process (os/signal, SIGPIPE).
func surviveLostOutput() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
}

// stopOnSignal returns a context that the first SIGINT, SIGTERM or SIGHUP ends; the
// second aborts.
func stopOnSignal(sup *supervisor.Supervisor, log *logrus.Logger) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		for range signals {
			if ctx.Err() != nil {
				log.Warn("asked twice: killing what still runs")
				sup.Abort()
				continue
			}
			log.Info("stopping; once more to kill at once")
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

// notifySystemd tells systemd when everything is ready, when it stops, and while the
// supervisor answers (sd_notify(3)). Without NOTIFY_SOCKET it does nothing.
func notifySystemd(sup *supervisor.Supervisor, ended <-chan struct{}) {
	watchdog := watchdogTicker()
	defer watchdog.Stop()
	ready := sup.Ready()
	for {
		select {
		case <-ready:
			ready = nil
			_, _ = daemon.SdNotify(false, daemon.SdNotifyReady) // nobody may listen
		case <-watchdog.C:
			sup.List() // takes the locks of every instance: a supervisor that hangs feeds no watchdog
			_, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog)
		case <-ended:
			_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
			return
		}
	}
}

// greet tells the user where to go, and at the first start with which password.
func greet(out io.Writer, url string, made *firstStart) {
	fmt.Fprintf(out, "\n  %-9s %s\n  %-9s %s\n", "URL", url, "user", "admin")
	if made != nil {
		fmt.Fprintf(out, "  %-9s %s\n  %-9s %s\n", "password", made.shownPassword(), "settings", made.file)
	}
	fmt.Fprintln(out)
}
