package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"agentstate/internal/gqltest"
	"agentstate/internal/redistest"
)

// The tests of this package run the whole server by run, as main does, and talk to it over the network. Not here yet:
// UNAUTHENTICATED, which comes with authentication, in an issue of its own.

// server is one run of the program.
type server struct {
	*gqltest.Client
	addr string
	log  *logBuffer
	// stop ends it as SIGTERM would, and gives what run gave. It can be called again.
	stop func() error
}

// start runs a server on a free port, with an environment. It ends with the test, which fails where it ends with an error.
func start(tb testing.TB, environ ...string) *server {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{log: &logBuffer{}}
	ready, done := make(chan string, 1), make(chan error, 1)
	environ = append([]string{
		"LISTEN_ADDR=127.0.0.1:0", "LOG_FORMAT=json", "ENVIRONMENT=test",
		// Tests ask for much at once; the limits of that have tests of their own.
		"MAX_QUERY_ROOT_FIELDS=1000", "MAX_QUERY_ALIASES=1000", "MAX_QUERY_COMPLEXITY=1000000",
	}, environ...)
	go func() { // ends with stop
		done <- run(ctx, nil, environ, s.log, s.log, func(a net.Addr) { ready <- a.String() })
	}()
	s.stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(gqltest.Patience):
			return errors.New("run does not return")
		}
	})
	tb.Cleanup(func() {
		assert.NoError(tb, s.stop(), "run")
		if tb.Failed() {
			tb.Logf("the server logged:\n%s", s.log)
		}
	})
	select {
	case s.addr = <-ready:
	case err := <-done:
		done <- err
		require.FailNow(tb, "the server does not start", "%v", err)
	case <-time.After(gqltest.Patience):
		require.FailNow(tb, "the server does not start")
	}
	s.Client = gqltest.New(tb, "http://"+s.addr)
	return s
}

// onEngines runs a test against a server with the embedded Redis and one with a real one, each with an environment.
func onEngines(t *testing.T, test func(t *testing.T, s *server), environ ...string) {
	t.Helper()
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, start(t, environ...))
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, start(t, append(at(sharedRedis(t).Addr()), environ...)...))
	})
}

var prefixes atomic.Int64

// at is the environment of a server on the Redis at addr, with keys of its own.
func at(addr string) []string {
	host, port, _ := net.SplitHostPort(addr) // of a listener
	return []string{"REDIS_HOST=" + host, "REDIS_PORT=" + port, fmt.Sprintf("REDIS_KEY_PREFIX=e2e%d", prefixes.Add(1))}
}

// The Redis that tests share which do not ask how Redis is: started for the first of them, ended by TestMain.
var launch = sync.OnceValues(func() (*redistest.Server, error) { return redistest.Launch() })

func sharedRedis(tb testing.TB) *redistest.Server {
	tb.Helper()
	shared, err := launch()
	redistest.Require(tb, err)
	return shared
}

// withRedis ends the shared Redis ahead of the look for goroutines that were left behind.
type withRedis struct{ *testing.M }

func (m withRedis) Run() int {
	code := m.M.Run()
	if shared, err := launch(); err == nil {
		shared.Close()
	}
	return code
}

func TestMain(m *testing.M) {
	// While Redis is away go-redis looks for it once a second, and so long does it take to see that its pool was closed.
	goleak.VerifyTestMain(withRedis{m}, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// logBuffer is what a server has logged.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// entries are the lines of the log that have a field of that value.
func (b *logBuffer) entries(tb testing.TB, field, value string) []map[string]any {
	tb.Helper()
	var found []map[string]any
	for line := range strings.Lines(b.String()) {
		var entry map[string]any
		require.NoError(tb, json.Unmarshal([]byte(line), &entry))
		if entry[field] == value {
			found = append(found, entry)
		}
	}
	return found
}

// eventually waits until something is so, which must come to pass.
func eventually(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	patience := time.After(gqltest.Patience)
	for !is() {
		select {
		case <-ticker.C:
		case <-patience:
			require.FailNow(tb, "it does not come to pass", what)
		}
	}
}

// probe is how long a test waits for an event before it does again what may have come too early for the listener.
const probe = 50 * time.Millisecond
