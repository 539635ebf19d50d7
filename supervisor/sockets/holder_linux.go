package sockets

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// tcpListen is TCP_LISTEN in the st column of /proc/net/tcp (include/net/tcp_states.h).
const tcpListen = "0A"

// Holder describes the process that listens on a TCP port, as far as the user may know. Of
// several that share the socket it is the one that the others have it from.
func Holder(port string) string {
	number, err := strconv.Atoi(port)
	if err != nil {
		return "another process"
	}
	inodes := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		listening(table, number, inodes)
	}
	pids := holders(inodes)
	if len(pids) == 0 {
		return "a process of another user"
	}
	for _, pid := range pids {
		if !slices.Contains(pids, parentOf(pid)) {
			return describe(pid)
		}
	}
	return describe(pids[0])
}

// holders returns the processes that have one of these sockets.
func holders(inodes map[string]bool) (pids []string) {
	descriptors, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, descriptor := range descriptors {
		target, err := os.Readlink(descriptor)
		if err != nil {
			continue
		}
		inode, ok := strings.CutPrefix(target, "socket:[")
		pid := strings.Split(descriptor, "/")[2]
		if ok && inodes[strings.TrimSuffix(inode, "]")] && !slices.Contains(pids, pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// parentOf returns the parent of a process; empty: it has gone (proc_pid_status(5)).
func parentOf(pid string) string {
	status, _ := os.ReadFile("/proc/" + pid + "/status")
	for line := range strings.Lines(string(status)) {
		if parent, ok := strings.CutPrefix(line, "PPid:"); ok {
			return strings.TrimSpace(parent)
		}
	}
	return ""
}

// listening collects the inodes of sockets that listen on port (proc_pid_net_tcp(5)).
func listening(table string, port int, inodes map[string]bool) {
	file, err := os.Open(table)
	if err != nil {
		return
	}
	defer file.Close()
	suffix := fmt.Sprintf(":%04X", port)
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) > 9 && strings.HasSuffix(fields[1], suffix) && fields[3] == tcpListen {
			inodes[fields[9]] = true
		}
	}
}

func describe(pid string) string {
	command, err := os.ReadFile("/proc/" + pid + "/cmdline")
	words := strings.TrimSpace(strings.ReplaceAll(string(command), "\x00", " "))
	if err != nil || words == "" {
		return "process " + pid
	}
	const most = 60
	if len(words) > most {
		words = words[:most] + "…"
	}
	return fmt.Sprintf("process %s (%s)", pid, words)
}
