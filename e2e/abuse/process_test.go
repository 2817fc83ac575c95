//go:build linux

package abuse

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/require"

	"agentstate/internal/servertest"
)

// footprint is what a process holds, as the kernel sees it.
type footprint struct {
	connections, threads int
	rss                  int64
}

func footprintOf(tb testing.TB, s *servertest.Server) footprint {
	tb.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	require.NoError(tb, err)
	field := func(name string) int64 {
		_, rest, found := strings.Cut(string(status), "\n"+name+":")
		require.True(tb, found, name)
		n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		require.NoError(tb, err)
		return n
	}
	return footprint{connections: connections(tb, s), threads: int(field("Threads")), rss: field("VmRSS") << 10}
}

// cpu gives how many seconds of CPU a process has used: utime and stime of proc_pid_stat(5).
func cpu(tb testing.TB, pid int) float64 {
	tb.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(tb, err)
	_, rest, found := strings.Cut(string(stat), ") ") // behind the name, which may have blanks
	require.True(tb, found)
	sum := int64(0)
	for _, field := range strings.Fields(rest)[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		require.NoError(tb, err)
		sum += n
	}
	const perSecond = 100 // USER_HZ, on all architectures that Go runs on
	return float64(sum) / perSecond
}

// connections counts the sockets that the process holds of its clients: all but the one that listens and those with other ports,
// which are to Redis. One that was reset is in no table any more and counts until the process has closed it.
// proc_pid_net(5), proc_pid_fd(5)
func connections(tb testing.TB, s *servertest.Server) int {
	tb.Helper()
	_, port, err := net.SplitHostPort(s.Addr())
	require.NoError(tb, err)
	number, err := strconv.Atoi(port)
	require.NoError(tb, err)
	own := fmt.Sprintf(":%04X", number)
	held := make(map[string]bool)
	folder := fmt.Sprintf("/proc/%d/fd", s.PID())
	entries, err := os.ReadDir(folder)
	require.NoError(tb, err)
	for _, entry := range entries {
		target, err := os.Readlink(filepath.Join(folder, entry.Name()))
		if inode, ok := strings.CutPrefix(target, "socket:["); ok && err == nil { // it may have been closed meanwhile
			held[strings.TrimSuffix(inode, "]")] = true
		}
	}
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", s.PID()))
	require.NoError(tb, err)
	const listening = "0A"
	for lines := bufio.NewScanner(bytes.NewReader(table)); lines.Scan(); {
		f := strings.Fields(lines.Text()) // sl local_address rem_address st … inode
		if len(f) > 9 && (f[3] == listening || !strings.HasSuffix(f[1], own)) {
			delete(held, f[9])
		}
	}
	return len(held)
}

// table is text in columns.
type table struct {
	text    *strings.Builder
	columns *tabwriter.Writer
}

func newTable() table {
	text := new(strings.Builder)
	return table{text, tabwriter.NewWriter(text, 0, 0, 2, ' ', 0)}
}

func (t table) row(format string, args ...any) { _, _ = fmt.Fprintf(t.columns, format+"\n", args...) }

func (t table) String() string {
	_ = t.columns.Flush()
	return t.text.String()
}
