// Package redistest starts real Redis servers and clusters for tests, and stands between a client and Redis to cut connections at
// the worst moment. Everything it starts ends with the test. Only tests may use it.
package redistest

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	// startPatience is how long a server may take to serve, stopPatience how long to end after SIGTERM.
	startPatience = 10 * time.Second
	stopPatience  = 5 * time.Second
	// portAttempts is how many ports are tried where another program takes them first.
	portAttempts = 10
)

// binaryVariable names a program to take for redis-server: another version of it, or a Valkey.
const binaryVariable = "AGENTSTATE_TEST_REDIS_SERVER"

// ErrMissing says that there is no redis-server on this machine.
var ErrMissing = errors.New("redis-server is not installed: apt-get install redis-server")

// Server is a redis-server process on loopback that keeps nothing on disk unless its arguments say so.
type Server struct {
	port    int
	busPort int
	dir     string
	args    []string
	// fail ends the test where the server cannot be started again.
	fail func(format string, args ...any)

	mu      sync.Mutex
	process *process
	clients []*redis.Client
}

// Start starts a redis-server, with further arguments for it, and returns when it answers PING. It ends with the test. Where none is
// installed the test is skipped, or fails with AGENTSTATE_NO_SKIP=1. The arguments must leave the log on standard output.
func Start(tb testing.TB, args ...string) *Server {
	tb.Helper()
	s, err := Launch(args...)
	Require(tb, err)
	s.fail = tb.Fatalf
	tb.Cleanup(s.Close)
	return s
}

// Require ends a test whose Redis could not be started: it skips where none is installed, see Start, and fails otherwise.
func Require(tb testing.TB, err error) {
	tb.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrMissing) && os.Getenv("AGENTSTATE_NO_SKIP") != "1":
		tb.Skip(ErrMissing.Error())
	default:
		tb.Fatal(err)
	}
}

// Launch is Start for a server that several tests share. Whoever launches it closes it.
func Launch(args ...string) (*Server, error) {
	dir, err := os.MkdirTemp("", "redistest-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, args: args, fail: func(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }}
	for range portAttempts {
		if s.port, err = freePort(); err != nil {
			break
		}
		if s.busPort, err = freePort(); err != nil {
			break
		}
		if s.process, err = s.run(); !errors.Is(err, errPortTaken) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// Addr is the host and port of the server.
func (s *Server) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// Client gives a client of its own, which ends with the server.
func (s *Server) Client() *redis.Client {
	client := newClient(s.Addr())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients = append(s.clients, client)
	return client
}

// newClient makes a plain client that sends nothing but what it is told.
func newClient(addr string) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: addr, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

// Kill ends the server as a crash would.
func (s *Server) Kill() { s.end((*process).kill) }

// Stop ends the server in an orderly way.
func (s *Server) Stop() { s.end((*process).stop) }

// Restart starts the server again on its port and in its directory; a server that still runs is stopped first.
func (s *Server) Restart() {
	s.Stop()
	p, err := s.run()
	if err != nil {
		s.fail("redistest: restart: %v", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process = p
}

// Close ends the server and the clients that Client gave out, and removes what is on disk.
func (s *Server) Close() {
	s.mu.Lock()
	clients := s.clients
	s.clients = nil
	s.mu.Unlock()
	for _, client := range clients {
		_ = client.Close()
	}
	s.Stop()
	_ = os.RemoveAll(s.dir)
}

// end ends the process, if there is one.
func (s *Server) end(how func(*process)) {
	s.mu.Lock()
	p := s.process
	s.process = nil
	s.mu.Unlock()
	if p != nil {
		how(p)
	}
}

// run starts the process on the server's ports.
func (s *Server) run() (*process, error) {
	args := append([]string{
		"--bind", "127.0.0.1", "--port", fmt.Sprint(s.port), "--cluster-port", fmt.Sprint(s.busPort),
		"--save", "", "--appendonly", "no", "--dir", s.dir, "--repl-diskless-sync-delay", "0", // else a replica waits 5 s for others
	}, s.args...)
	return startProcess(args)
}

// process is one run of redis-server.
type process struct {
	cmd *exec.Cmd
	// ended is closed when the process has ended and its log was read.
	ended chan struct{}

	mu  sync.Mutex
	log strings.Builder
}

var errPortTaken = errors.New("redistest: the port was taken by another program")

// startProcess starts redis-server and waits until it serves.
func startProcess(args []string) (*process, error) {
	path, err := exec.LookPath(cmp.Or(os.Getenv(binaryVariable), "redis-server"))
	if err != nil {
		return nil, ErrMissing
	}
	p := &process{cmd: exec.Command(path, args...), ended: make(chan struct{})} //nolint:gosec // the arguments are those of tests
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stderr, p.cmd.SysProcAttr = p.cmd.Stdout, withParent()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	// That the port answers proves nothing: it might be somebody else's. So the server's own log has to say it.
	ready := make(chan struct{})
	go p.follow(out, ready)
	patience, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	select {
	case <-ready:
		return p, nil
	case <-p.ended:
	case <-patience.Done():
		p.kill()
	}
	text := p.text()
	if strings.Contains(text, "Address already in use") {
		return nil, errPortTaken
	}
	return nil, fmt.Errorf("redistest: redis-server does not start:\n%s", text)
}

// follow reads the log until the process ends. Redis accepts connections ahead of saying so, so PING is answered from then on.
func (p *process) follow(out io.Reader, ready chan<- struct{}) {
	defer close(p.ended)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		p.mu.Lock()
		p.log.WriteString(lines.Text() + "\n")
		p.mu.Unlock()
		if ready != nil && isReady(lines.Text()) {
			close(ready)
			ready = nil
		}
	}
	_, _ = io.Copy(io.Discard, out) // a line too long for the scanner must not block the server
	_ = p.cmd.Wait()                // how it ended is in the log
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// stop asks the process to end, and kills it where it does not.
func (p *process) stop() {
	p.resume() // a stopped process would not see the signal
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	patience, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	select {
	case <-p.ended:
	case <-patience.Done():
		p.kill()
	}
}

// kill ends the process without a chance to say good-bye.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}
