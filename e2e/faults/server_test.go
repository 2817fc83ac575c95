//go:build unix

package faults

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
	"agentstate/internal/redistest"
)

// server is a process of the real binary, on one address however often it starts, with a proxy between it and Redis.
type server struct {
	tb     testing.TB
	name   string
	binary string
	addr   string
	proxy  *redistest.Proxy
	client *gqltest.Client
	log    *lockedBuffer

	process *exec.Cmd
	exited  chan struct{}
}

// startServer starts a server that ends with the test.
func startServer(tb testing.TB, name, binary string, proxy *redistest.Proxy) *server {
	tb.Helper()
	addr := freeAddr(tb)
	s := &server{tb: tb, name: name, binary: binary, addr: addr, proxy: proxy, client: gqltest.New(tb, "http://"+addr), log: &lockedBuffer{}}
	s.start()
	tb.Cleanup(func() {
		s.freeze(false)
		s.stop()
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
	defer listener.Close()
	return listener.Addr().String()
}

// start starts the process, and returns when it answers.
func (s *server) start() {
	s.tb.Helper()
	host, port, err := net.SplitHostPort(s.proxy.Addr())
	require.NoError(s.tb, err)
	s.process = exec.Command(s.binary)
	s.process.Env = []string{
		"LISTEN_ADDR=" + s.addr, "LOG_LEVEL=warn", "REDIS_HOST=" + host, "REDIS_PORT=" + port,
		"REDIS_TIMEOUT=1s", "REDIS_CONNECT_TIMEOUT=500ms", "DELIVERY_CHECK_INTERVAL=1s", "SHUTDOWN_TIMEOUT=5s",
	}
	s.process.Stdout, s.process.Stderr = s.log, s.log
	require.NoError(s.tb, s.process.Start())
	s.exited = make(chan struct{})
	go func(process *exec.Cmd, exited chan struct{}) { // ends with the process
		_ = process.Wait()
		close(exited)
	}(s.process, s.exited)
	require.Eventually(s.tb, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+"/livez", http.NoBody)
		require.NoError(s.tb, err)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		return response.Body.Close() == nil
	}, patience, 10*time.Millisecond, "%s does not start: %s", s.name, s.log)
}

// kill ends the process as a crash would.
func (s *server) kill() { s.end(syscall.SIGKILL) }

// stop ends the process in an orderly way.
func (s *server) stop() { s.end(syscall.SIGTERM) }

func (s *server) end(signal syscall.Signal) {
	s.tb.Helper()
	_ = s.process.Process.Signal(signal)
	select {
	case <-s.exited:
	case <-time.After(patience):
		_ = s.process.Process.Kill()
		require.FailNow(s.tb, s.name+" does not end", s.log.String())
	}
}

// freeze halts the process, or lets it go on.
func (s *server) freeze(on bool) {
	signal := syscall.SIGCONT
	if on {
		signal = syscall.SIGSTOP
	}
	_ = s.process.Process.Signal(signal)
}

// lockedBuffer takes the log of a process.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	const most = 20_000
	text := b.text.String()
	if len(text) > most {
		return strconv.Itoa(len(text)-most) + " bytes before\n" + text[len(text)-most:]
	}
	return text
}
