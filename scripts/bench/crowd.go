package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor"
	"github.com/owncloud/ocis-runtime/supervisor/program"
)

// crowdCommand is the argument with which bench executes itself as the runtime of a crowd.
const crowdCommand = "crowd"

// envCrowdDir tells a child of the crowd, whoever started it, where the sockets are.
const envCrowdDir = "BENCH_CROWD_DIR"

// actAsCrowd does what a process of the crowd does when this is one: the supervisor of it,
// or as `ocis NAME server` a child, with or without a supervisor.
func actAsCrowd(args []string) (acted bool, err error) {
	switch {
	case len(args) == 3 && args[2] == "server" && os.Getenv(envCrowdDir) != "":
		serveTrivially(args[1])
		return true, nil
	case len(args) > 3 && args[1] == crowdCommand:
		return true, superviseCrowd(args[2], args[3:])
	}
	return false, nil
}

// declareTrivial is the smallest possible service: one socket, on which it says its pid.
func declareTrivial(dir, name string) plugins.Declaration {
	return plugins.Declaration{Name: name, Sockets: []plugins.Socket{{Network: "unix", Address: filepath.Join(dir, name+".sock")}}}
}

// loopName is the child that crashes all the time.
const loopName = "loop"

func serveTrivially(name string) {
	if name == loopName {
		os.Exit(1)
	}
	log := logrus.New()
	log.SetOutput(os.Stderr)
	plugins.Serve(plugins.Service{
		Declaration: declareTrivial(os.Getenv(envCrowdDir), name), Log: log,
		Run: func(ctx context.Context, child *plugins.Child) error {
			listener, err := child.Listener("")
			if err != nil {
				return err
			}
			defer context.AfterFunc(ctx, func() { listener.Close() })()
			child.Ready()
			for {
				conn, err := listener.Accept()
				if errors.Is(err, net.ErrClosed) {
					return nil
				}
				if err != nil {
					return err
				}
				fmt.Fprint(conn, os.Getpid())
				conn.Close()
			}
		},
	})
}

// superviseCrowd runs a supervisor with trivial services of these names until SIGTERM. It
// says on its standard output when all are ready, and on SIGUSR1 how many goroutines it has.
func superviseCrowd(dir string, names []string) error {
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	log := logrus.New()
	log.SetLevel(logrus.WarnLevel)
	paths := config.Paths{Base: dir, Run: filepath.Join(dir, "run")}
	options := supervisor.Options{
		Paths: paths, Executable: executable, Programs: map[string]program.Program{}, Environ: os.Environ(), Log: log, Node: "bench",
	}
	src, err := config.Open()
	if err != nil {
		return err
	}
	if err := src.Fill(supervisor.Section, &options.Settings); err != nil {
		return err
	}
	for _, name := range names {
		options.Declarations = append(options.Declarations, declareTrivial(dir, name))
		options.Programs[name] = program.Builtin(executable, name)
	}
	sup, err := supervisor.New(options)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	began := time.Now()
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	go func() { // as long as the process
		for range asked {
			debug.FreeOSMemory() // so that what is looked at next is in use, and no garbage
			fmt.Printf("goroutines %d\n", runtime.NumGoroutine())
		}
	}()
	go func() {
		<-sup.Ready()
		fmt.Printf("ready %.3f\n", time.Since(began).Seconds())
	}()
	return sup.Serve(ctx, nil)
}
