package escape

import (
	"fmt"
	"net"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

func network() []attempt {
	const group = "network"
	const unreachable = "network unreachable, or permission denied"
	return []attempt{
		{name: "tcp-loopback", group: group, expected: unreachable, try: unlessNetwork(func(t *Targets) outcome { return knock(t, "tcp", t.TCP) }), seen: reachedBy("tcp")},
		{name: "udp-loopback", group: group, expected: unreachable, try: unlessNetwork(func(t *Targets) outcome { return knock(t, "udp", t.UDP) }), seen: reachedBy("udp")},
		{name: "tcp-bind", group: group, expected: "permission denied, or nobody reaches it", try: unlessNetwork(bindPort)},
		{name: "netlink-route", group: group, expected: "permission denied, or no interface but loopback", try: unlessNetwork(listInterfaces)},
		{name: "netlink-audit", group: group, expected: "permission denied", try: readAudit},
		{name: "raw-socket", group: group, expected: "permission denied", try: func(*Targets) outcome { return openSocket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP) }},
		{name: "packet-socket", group: group, expected: "permission denied", try: func(*Targets) outcome { return openSocket(unix.AF_PACKET, unix.SOCK_RAW, 0) }},
		{name: "vsock-socket", group: group, expected: "permission denied: it leads past network namespaces to the hypervisor", try: func(*Targets) outcome { return openSocket(unix.AF_VSOCK, unix.SOCK_STREAM, 0) }},
		{name: "crypto-socket", group: group, expected: "permission denied: it is much code of the kernel", try: func(*Targets) outcome { return openSocket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0) }},
	}
}

func sockets() []attempt {
	const group = "sockets"
	const hidden = "no such file, or permission denied"
	return []attempt{
		{name: "peer-socket", group: group, expected: hidden, try: func(t *Targets) outcome { return knock(t, "unix", t.path(peerSocket)) }, seen: reachedBy("peer")},
		{name: "control-socket", group: group, expected: hidden, try: func(t *Targets) outcome { return knock(t, "unix", t.path(controlSocket)) }, seen: reachedBy("control")},
		{name: "abstract-socket", group: group, expected: "connection refused, or operation not permitted", try: func(t *Targets) outcome { return knock(t, "unix", "@"+t.Abstract) }, seen: reachedBy("abstract")},
		{name: "runtime-control-socket", group: group, expected: hidden, try: func(t *Targets) outcome { return connect(t.Runtime.Control) }},
		{name: "runtime-other-socket", group: group, expected: hidden, try: func(t *Targets) outcome { return connect(t.Runtime.OtherSocket) }},
	}
}

// unlessNetwork leaves out what a service that was given the network may do.
func unlessNetwork(try func(*Targets) outcome) func(*Targets) outcome {
	return func(t *Targets) outcome {
		if t.Network && t.Inside {
			return notApplicable("the service was given the network")
		}
		return try(t)
	}
}

// connect says nothing to a socket that is not the suite's.
func connect(path string) outcome {
	if path == "" {
		return notApplicable("no such place was named")
	}
	connection, err := net.DialTimeout("unix", path, replyBound)
	if err != nil {
		return refused(shorten(err))
	}
	connection.Close()
	return obtained("connected to %s", path)
}

// bindPort listens where the outside keeps dialling.
func bindPort(t *Targets) outcome {
	listening, err := net.Listen("tcp", fmt.Sprintf("0.0.0.0:%d", t.BindPort))
	if err != nil {
		return refused(shorten(err))
	}
	defer listening.Close()
	_ = listening.(*net.TCPListener).SetDeadline(time.Now().Add(replyBound))
	connection, err := listening.Accept()
	if err != nil {
		return withheld("listens in a network of its own: nobody came")
	}
	connection.Close()
	return obtained("a client outside connected to its port")
}

func listInterfaces(t *Targets) outcome {
	if len(t.Machine.Interfaces) == 0 {
		return notApplicable("this machine has no interface but loopback")
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return refused(shorten(err))
	}
	for _, i := range interfaces {
		if slices.Contains(t.Machine.Interfaces, i.Name) {
			return obtained("sees the interface %s", i.Name)
		}
	}
	return withheld("a network of its own")
}

// auditLog is AUDIT_NLGRP_READLOG of linux/audit.h.
const auditLog = 1

// readAudit joins the group that receives the kernel's audit log.
func readAudit(*Targets) outcome {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_AUDIT)
	if err != nil {
		return refused(err)
	}
	defer unix.Close(fd)
	err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (auditLog - 1)})
	return did(err, "listens to the kernel's audit log")
}

func openSocket(family, kind, protocol int) outcome {
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return refused(err)
	}
	unix.Close(fd)
	return obtained("has such a socket")
}
