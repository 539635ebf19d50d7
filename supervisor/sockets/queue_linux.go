package sockets

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// From linux/unix_diag.h; package unix has no names for them.
const (
	udiagShowQueue = 0x10 // UDIAG_SHOW_RQLEN
	unixDiagQueue  = 4    // UNIX_DIAG_RQLEN
	anyCookie      = ^uint32(0)
)

// diagBound bounds a question to the kernel, which answers at once.
const diagBound = time.Second

// queueOf returns how many connections wait to be accepted, and how many may.
func queueOf(file *os.File, network string) (waiting, limit int, err error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	controlErr := raw.Control(func(fd uintptr) {
		if network == "unix" {
			waiting, limit, err = unixQueue(int(fd))
		} else {
			waiting, limit, err = tcpQueue(int(fd))
		}
	})
	return waiting, limit, errors.Join(controlErr, err)
}

// tcpQueue reads two fields that mean something else for a socket that listens:
// tcp_get_info in net/ipv4/tcp.c puts the accept queue and its limit there.
func tcpQueue(fd int) (waiting, limit int, err error) {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0, 0, err
	}
	return int(info.Unacked), int(info.Sacked), nil
}

// unixQueue asks sock_diag(7) for one socket, by its inode.
func unixQueue(fd int) (waiting, limit int, err error) {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return 0, 0, err
	}
	conn, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, nil)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(diagBound)); err != nil {
		return 0, 0, err
	}
	replies, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.SOCK_DIAG_BY_FAMILY, Flags: netlink.Request},
		Data:   unixDiagRequest(uint32(stat.Ino)),
	})
	if err != nil {
		return 0, 0, err
	}
	for _, reply := range replies {
		if waiting, limit, ok := readUnixDiag(reply.Data); ok {
			return waiting, limit, nil
		}
	}
	return 0, 0, fmt.Errorf("the kernel tells nothing of socket %d", stat.Ino)
}

// unixDiagRequest is a struct unix_diag_req.
func unixDiagRequest(inode uint32) []byte {
	request := []byte{unix.AF_UNIX, 0, 0, 0}
	for _, field := range []uint32{^uint32(0) /* any state */, inode, udiagShowQueue, anyCookie, anyCookie} {
		request = binary.NativeEndian.AppendUint32(request, field)
	}
	return request
}

// readUnixDiag finds the queue in what follows a struct unix_diag_msg.
func readUnixDiag(reply []byte) (waiting, limit int, ok bool) {
	const head = 16
	if len(reply) < head {
		return 0, 0, false
	}
	attributes, err := netlink.NewAttributeDecoder(reply[head:])
	if err != nil {
		return 0, 0, false
	}
	for attributes.Next() {
		if queue := attributes.Bytes(); attributes.Type() == unixDiagQueue && len(queue) >= 8 {
			return int(binary.NativeEndian.Uint32(queue)), int(binary.NativeEndian.Uint32(queue[4:])), true
		}
	}
	return 0, 0, false
}
