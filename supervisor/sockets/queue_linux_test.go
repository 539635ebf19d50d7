package sockets

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
)

// heldQueue returns the only queue of held sockets.
func heldQueue(t *testing.T, held *Held) Queue {
	t.Helper()
	queues, err := held.Queues()
	if err != nil || len(queues) != 1 {
		t.Fatalf("%+v, %v", queues, err)
	}
	return queues[0]
}

// hold binds one socket until the end of the test.
func hold(t *testing.T, socket plugins.Socket) *Held {
	t.Helper()
	held := New("web", []plugins.Socket{socket})
	if err := held.Hold("web-1"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { held.Release("web-1") })
	return held
}

// freeAddress returns a TCP address of this machine that nobody uses.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestTheQueueIsWhoWaitsForAService(t *testing.T) {
	for name, socket := range map[string]plugins.Socket{
		"unix": {Name: "a", Network: "unix", Address: unixSocket(t).Address},
		"tcp":  {Name: "a", Network: "tcp", Address: freeAddress(t)},
	} {
		t.Run(name, func(t *testing.T) {
			held := hold(t, socket)
			empty := heldQueue(t, held)
			if empty.Waiting != 0 || empty.Limit < 1 || empty.Service != "web" || empty.Socket != "a" {
				t.Errorf("before anybody came: %+v", empty)
			}
			const clients = 7
			for range clients {
				client, err := net.Dial(socket.Network, socket.Address)
				if err != nil {
					t.Fatal(err)
				}
				defer client.Close()
			}
			awaitWaiting(t, held, clients)

			listener, err := net.FileListener(held.Files()[0])
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			for range 3 {
				served, err := listener.Accept()
				if err != nil {
					t.Fatal(err)
				}
				defer served.Close()
			}
			awaitWaiting(t, held, clients-3)
		})
	}
}

// awaitWaiting waits until so many connections wait. A TCP connection is made for the
// client a moment before it is in the queue: when the last packet of its handshake came.
func awaitWaiting(t *testing.T, held *Held, want int) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for heldQueue(t, held).Waiting != want {
		if time.Now().After(deadline) {
			t.Fatalf("%+v, want %d waiting", heldQueue(t, held), want)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestSocketsThatAreNotBoundHaveNoQueue(t *testing.T) {
	held := hold(t, unixSocket(t))
	files := held.Files()
	held.Release("web-1")
	if queues, err := held.Queues(); len(queues) != 0 || err != nil {
		t.Errorf("%+v, %v", queues, err)
	}
	if _, _, err := queueOf(files[0], "unix"); err == nil {
		t.Error("a closed descriptor has a queue")
	}
}

func TestAQueueThatCannotBeReadIsAnErrorThatNamesTheSocket(t *testing.T) {
	address := freeAddress(t)
	held := hold(t, plugins.Socket{Network: "tcp", Address: address})
	held.wanted[0].Network = "unix" // the kernel knows no unix socket of its number
	if queues, err := held.Queues(); len(queues) != 0 || err == nil || !strings.Contains(err.Error(), address) {
		t.Errorf("%+v, %v", queues, err)
	}
}
