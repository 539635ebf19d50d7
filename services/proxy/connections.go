package proxy

import (
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
)

// connections bounds how many clients are connected: one too many is closed at once, as a
// process that has no more descriptors could not even do that.
type connections struct {
	most   int64
	log    *logrus.Entry
	open   atomic.Int64
	warned atomic.Int64 // unix seconds
}

// warnEvery keeps a flood out of the log.
const warnEvery = 10 * time.Second

// changed is an http.Server's ConnState hook.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if c.open.Add(1) > c.most {
			c.warn()
			conn.Close()
		}
	case http.StateClosed, http.StateHijacked:
		c.open.Add(-1)
	}
}

func (c *connections) warn() {
	now, last := time.Now().Unix(), c.warned.Load()
	if now-last >= int64(warnEvery/time.Second) && c.warned.CompareAndSwap(last, now) {
		c.log.Warnf("refusing connections: %d are open, as many as proxy.max_connections allows", c.most)
	}
}
