package supervisor

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
)

// TestMain lets the test binary be the children as well: as "ocis NAME server" it does
// what the variable BEHAVIOUR_NAME says.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[0] == "ocis" && os.Args[2] == "server" {
		behave(os.Args[1], os.Getenv("BEHAVIOUR_"+os.Args[1]))
		return
	}
	os.Exit(m.Run())
}

// behave is the main function of a child.
func behave(name, behaviour string) {
	switch {
	case behaviour == "garbage":
		fmt.Println("hello, I am no plugin")
		select {}
	case behaviour == "silent":
		select {}
	case strings.HasPrefix(behaviour, "exit "):
		fmt.Fprintln(os.Stderr, "my last words")
		var code int
		fmt.Sscanf(behaviour, "exit %d", &code)
		os.Exit(code)
	case behaviour == "liar":
		name = "somebody-else"
	case behaviour == "stubborn":
		signal.Ignore(syscall.SIGTERM)
	}
	plugins.Serve(plugins.Service{
		Declaration: declare(name),
		Run: func(ctx context.Context, child *plugins.Child) error {
			return live(ctx, child, behaviour)
		},
		Health: func(context.Context) error {
			if behaviour == "slow" {
				time.Sleep(slowness)
			}
			if _, err := os.Stat(os.Getenv("SICK_" + name)); err == nil {
				return errors.New("I do not feel well")
			}
			return nil
		},
	})
}

// slowness is how long a slow child thinks about its health: longer than the interval of the
// checks, and less than their timeout.
const slowness = 500 * time.Millisecond

// live is a service: it answers each connection with its pid.
func live(ctx context.Context, child *plugins.Child, behaviour string) error {
	if behaviour == "never ready" {
		<-ctx.Done()
		return nil
	}
	listener, err := child.Listener("")
	if err != nil {
		return err
	}
	if behaviour == "grandchild" || behaviour == "log keeper" {
		grandchild := exec.Command("sleep", "600")
		if behaviour == "log keeper" {
			grandchild.Stdout, grandchild.Stderr = os.Stdout, os.Stderr
			grandchild.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		}
		if err := grandchild.Start(); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "grandchild %d\n", grandchild.Process.Pid)
	}
	if script, is := strings.CutPrefix(behaviour, "starts "); is {
		if err := runUntilFirstLine(script); err != nil {
			return err
		}
	}
	if behaviour == "careful" {
		heed(os.Getenv("ORDERS_" + child.Service()))
	}
	fmt.Println("on stdout")
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	child.Ready(plugins.Registration{Service: child.Service(), NodeID: child.Instance(), Address: listener.Addr().String()})
	for kept := [][]byte{}; behaviour == "glutton"; {
		kept = append(kept, bytes.Repeat([]byte{1}, 1<<20))
	}
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			break
		}
		if err != nil {
			return err
		}
		if behaviour == "talkative" {
			for range 1 << 10 {
				fmt.Println(strings.Repeat("x", 1<<10-1))
			}
		}
		fmt.Fprint(conn, os.Getpid())
		conn.Close()
	}
	switch behaviour {
	case "stubborn", "lingers":
		time.Sleep(time.Hour) // its grace, or a signal, ends it
	case "slow to drain":
		heed(os.Getenv("ORDERS_" + child.Service()))
	}
	return nil
}

// runUntilFirstLine returns when a script has said something, and leaves it running.
func runUntilFirstLine(script string) error {
	shell := exec.Command("/bin/sh", "-c", script)
	output, err := shell.StdoutPipe()
	if err == nil {
		err = shell.Start()
	}
	if err == nil {
		_, err = bufio.NewReader(output).ReadString('\n')
	}
	return err
}

// heed obeys the orders in a file, if there is one. Those of a named pipe it waits for.
func heed(path string) {
	orders, err := os.ReadFile(path)
	if err == nil && string(orders) == "exit" {
		fmt.Fprintln(os.Stderr, "ordered to exit")
		os.Exit(9)
	}
}

// declare is the declaration of a test's child; the socket's address is added by the test.
func declare(name string) plugins.Declaration {
	return plugins.Declaration{Name: name, Sockets: []plugins.Socket{{Network: "unix"}}}
}
