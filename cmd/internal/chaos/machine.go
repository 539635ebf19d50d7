package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// dialTimeout bounds the connecting to the control socket.
const dialTimeout = 3 * time.Second

// peer is what the kernel says of the process that listens on the control socket.
type peer struct {
	pid       int    // in our pid namespace; 0: it is not in it
	uid       int    // its effective user
	program   string // the name of its executable
	namespace string // its pid namespace
}

// self is what it is compared with.
type self struct {
	uid       int
	program   string
	namespace string
	host      string
}

// program is what the runtime's executable is called, unless this one was renamed too.
const program = "ocis"

// Ours returns an error unless it can see that the runtime on a run directory is an ocis
// of this machine, of our user (or we are root), whose processes we see under the pids
// that it names. A control socket can be anybody's: one forwarded from elsewhere looks the
// same to a client.
func Ours(ctx context.Context, runDir string, instances []client.Instance) error {
	us, err := ourselves()
	if err != nil {
		return err
	}
	socket := filepath.Join(runDir, client.SocketName)
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		return fmt.Errorf("look whose runtime it is: %w", err)
	}
	defer conn.Close()
	them, err := whoListens(conn.(*net.UnixConn))
	if err != nil {
		return notOurs(err.Error())
	}
	if doubt := doubts(them, us, instances); doubt != "" {
		return notOurs(doubt)
	}
	return nil
}

func notOurs(why string) error {
	return fmt.Errorf("nothing is hit, because this is not seen to be a runtime of this machine: %s; run it where `ocis server` runs", why)
}

func ourselves() (self, error) {
	executable, err := os.Executable()
	if err != nil {
		return self{}, fmt.Errorf("find the program's own file: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return self{}, fmt.Errorf("find the machine's name: %w", err)
	}
	return self{uid: os.Getuid(), program: filepath.Base(executable), namespace: pidNamespace("self"), host: host}, nil
}

// doubts says why the runtime may not be this machine's; the empty string: it is.
func doubts(them peer, us self, instances []client.Instance) string {
	switch {
	case them.pid <= 0:
		return "its process is not visible from here"
	case them.namespace == "" || them.namespace != us.namespace:
		return fmt.Sprintf("process %d is in another pid namespace", them.pid)
	case us.uid != 0 && them.uid != us.uid:
		return fmt.Sprintf("process %d belongs to user %d", them.pid, them.uid)
	case them.program != program && them.program != us.program:
		return fmt.Sprintf("process %d is %q and not ocis", them.pid, them.program)
	}
	for _, i := range instances {
		if i.Node != us.host {
			return fmt.Sprintf("%s runs on %q, and this is %q", i.Instance, i.Node, us.host)
		}
	}
	return ""
}

// errElsewhere is the end of an attempt to connect to another machine.
var errElsewhere = errors.New("the address is not of this machine")

// onlyHere is the Control of a net.Dialer that connects to this machine only, whatever a
// name means by then.
func onlyHere(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("find the machine's addresses: %w", err)
	}
	if !isHere(to.Addr(), own) {
		return fmt.Errorf("%s: %w", address, errElsewhere)
	}
	return nil
}

// isHere tells whether an address is loopback or one of the machine's own.
func isHere(address netip.Addr, own []net.Addr) bool {
	address = address.Unmap().WithZone("")
	return address.IsLoopback() || slices.ContainsFunc(own, func(a net.Addr) bool {
		network, ok := a.(*net.IPNet)
		if !ok {
			return false
		}
		ip, ok := netip.AddrFromSlice(network.IP)
		return ok && ip.Unmap() == address
	})
}
