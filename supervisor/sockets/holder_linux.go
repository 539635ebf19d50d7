package sockets

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// tcpListen is TCP_LISTEN in the st column of /proc/net/tcp (include/net/tcp_states.h).
const tcpListen = "0A"

// Holder describes the process that listens on a TCP port, as far as the user may know.
func Holder(port string) string {
	number, err := strconv.Atoi(port)
	if err != nil {
		return "another process"
	}
	inodes := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		listening(table, number, inodes)
	}
	descriptors, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, descriptor := range descriptors {
		target, err := os.Readlink(descriptor)
		if err != nil {
			continue
		}
		inode, ok := strings.CutPrefix(target, "socket:[")
		if ok && inodes[strings.TrimSuffix(inode, "]")] {
			return describe(strings.Split(descriptor, "/")[2])
		}
	}
	return "a process of another user"
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
