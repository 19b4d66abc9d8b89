package stack

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// process names the process that listens on a TCP port, as far as we may see it.
func process(port int) string {
	inodes := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue // no Linux, or no IPv6: then the process stays unnamed
		}
		for _, in := range listening(f, port) {
			inodes[in] = true
		}
		_ = f.Close() // only read
	}
	fds, err := filepath.Glob("/proc/[0-9]*/fd/[0-9]*")
	if err != nil || len(inodes) == 0 {
		return "another process"
	}
	for _, fd := range fds {
		target, err := os.Readlink(fd)
		if err != nil {
			continue // gone, or another user's
		}
		inode, ok := strings.CutPrefix(target, "socket:[")
		if !ok || !inodes[strings.TrimSuffix(inode, "]")] {
			continue
		}
		pid := strings.Split(fd, "/")[2]
		comm, err := os.ReadFile(filepath.Join("/proc", pid, "comm"))
		if err != nil {
			return "the process " + pid
		}
		return fmt.Sprintf("the process %s (%s)", pid, strings.TrimSpace(string(comm)))
	}
	return "a process of another user"
}

// listening reads a table of proc_net_tcp(5) and returns the inodes of the sockets that
// listen (state 0A) on the port.
func listening(r io.Reader, port int) []string {
	var inodes []string
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 10 || f[3] != "0A" {
			continue
		}
		_, hex, ok := strings.Cut(f[1], ":")
		if !ok {
			continue
		}
		if n, err := strconv.ParseUint(hex, 16, 16); err == nil && int(n) == port {
			inodes = append(inodes, f[9])
		}
	}
	return inodes
}
