//go:build unix

// Package servertest builds the real binary and runs it as a process of its own, for tests from outside: it can be killed, stopped,
// frozen and started again on its address. Everything it starts ends with the test. Only tests may use it.
package servertest

import (
	"context"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
)

// patience bounds what must happen soon; a test that passes never waits for it.
const patience = 60 * time.Second

// Root is the folder of the module.
func Root() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..")
}

// Build makes the binary, with further arguments of `go build`, and gives its path. It goes with the test.
func Build(tb testing.TB, args ...string) string {
	tb.Helper()
	binary := filepath.Join(tb.TempDir(), "agentstate")
	command := exec.Command("go", append(append([]string{"build", "-o", binary}, args...), ".")...) //nolint:gosec // the arguments are those of tests
	command.Dir = Root()
	out, err := command.CombinedOutput()
	require.NoError(tb, err, string(out))
	return binary
}

// Server is a process of the binary, on one address however often it starts.
type Server struct {
	// Name is what failures call it.
	Name string
	// Client talks to it, whichever process it is at the time.
	Client *gqltest.Client

	tb      testing.TB
	binary  string
	addr    string
	environ []string
	log     *tail
	process *exec.Cmd
	exited  chan struct{}
}

// Start starts a server with an environment of these variables and no others, and returns when it answers. LISTEN_ADDR is set, to
// a free port of loopback. The server ends with the test.
func Start(tb testing.TB, name, binary string, environ ...string) *Server {
	tb.Helper()
	addr := freeAddr(tb)
	s := &Server{
		Name: name, Client: gqltest.New(tb, "http://"+addr),
		tb: tb, binary: binary, addr: addr, environ: append([]string{"LISTEN_ADDR=" + addr}, environ...), log: &tail{},
	}
	s.Start()
	tb.Cleanup(func() {
		s.Freeze(false)
		s.Stop()
		if tb.Failed() {
			tb.Logf("%s logged:\n%s", name, s.log)
		}
	})
	return s
}

// freeAddr gives an address that nobody listens on.
func freeAddr(tb testing.TB) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	defer listener.Close() //nolint:errcheck // it was only asked for its port
	return listener.Addr().String()
}

// Addr is the host and port that it serves on.
func (s *Server) Addr() string { return s.addr }

// PID is the process that runs, or ran last.
func (s *Server) PID() int { return s.process.Process.Pid }

// Logged tells whether a text is in what it has logged, over all of its processes.
func (s *Server) Logged(text string) bool { return strings.Contains(s.log.whole(), text) }

// Start starts the process, and returns when it answers.
func (s *Server) Start() {
	s.tb.Helper()
	s.process = exec.Command(s.binary) //nolint:gosec // the binary is the test's own
	s.process.Env = s.environ
	s.process.Stdout, s.process.Stderr = s.log, s.log
	require.NoError(s.tb, s.process.Start())
	s.exited = make(chan struct{})
	go func(process *exec.Cmd, exited chan struct{}) { // ends with the process
		_ = process.Wait()
		close(exited)
	}(s.process, s.exited)
	require.Eventually(s.tb, s.lives, patience, 10*time.Millisecond, "%s does not start: %s", s.Name, s.log)
}

func (s *Server) lives() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Client.URL+"/livez", http.NoBody)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil
}

// Kill ends the process as a crash would.
func (s *Server) Kill() {
	s.tb.Helper()
	s.end(syscall.SIGKILL)
}

// Stop ends the process in an orderly way.
func (s *Server) Stop() {
	s.tb.Helper()
	s.end(syscall.SIGTERM)
}

func (s *Server) end(signal syscall.Signal) {
	s.tb.Helper()
	_ = s.process.Process.Signal(signal)
	select {
	case <-s.exited:
	case <-time.After(patience):
		_ = s.process.Process.Kill()
		require.FailNow(s.tb, s.Name+" does not end", s.log.String())
	}
}

// Freeze halts the process, or lets it go on.
func (s *Server) Freeze(on bool) {
	signal := syscall.SIGCONT
	if on {
		signal = syscall.SIGSTOP
	}
	_ = s.process.Process.Signal(signal)
}
