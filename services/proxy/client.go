package proxy

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// clientAddress returns the address that a request comes from. behind says that another
// proxy is in front, for which this one speaks plain HTTP: when it is on this machine, the
// client is who that proxy says last (X-Forwarded-For). Everything before the last may be
// what the client made up.
func clientAddress(r *http.Request, behind bool) string {
	remote, _, _ := net.SplitHostPort(r.RemoteAddr)
	said := r.Header["X-Forwarded-For"]
	if !behind || len(said) == 0 || !isLoopback(remote) {
		return remote
	}
	last := said[len(said)-1]
	last = strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
	if _, err := netip.ParseAddr(last); err != nil {
		return remote
	}
	return last
}

func isLoopback(address string) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && ip.Unmap().IsLoopback()
}
