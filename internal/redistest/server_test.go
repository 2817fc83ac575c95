package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServerServesAndEnds(t *testing.T) {
	t.Parallel()
	var server *Server
	t.Run("while the test runs", func(t *testing.T) {
		server = Start(t, "--maxmemory", "64mb")
		client := server.Client()
		require.NoError(t, client.Ping(t.Context()).Err())
		memory, err := client.ConfigGet(t.Context(), "maxmemory").Result()
		require.NoError(t, err)
		assert.Equal(t, "67108864", memory["maxmemory"], "the arguments reach the server")
		for name, want := range map[string]string{"save": "", "appendonly": "no", "dir": server.dir} {
			got, err := client.ConfigGet(t.Context(), name).Result()
			require.NoError(t, err)
			assert.Equal(t, want, got[name], name)
		}
	})
	_, err := net.Dial("tcp", server.Addr())
	require.Error(t, err, "the server has ended with its test")
	assert.NoDirExists(t, server.dir)
	server.Kill() // does nothing
	server.Close()
}

func TestKillStopRestart(t *testing.T) {
	t.Parallel()
	server := Start(t, "--appendonly", "yes")
	client, addr := server.Client(), server.Addr()
	for round, end := range []func(){server.Stop, server.Kill, func() {}} {
		require.NoError(t, client.Set(t.Context(), "round", round, 0).Err())
		pid := serverPID(t, client)
		end()
		server.Restart()
		assert.Equal(t, addr, server.Addr())
		assert.NotEqual(t, pid, serverPID(t, client), "another process")
		kept, err := client.Get(t.Context(), "round").Int()
		require.NoError(t, err)
		assert.Equal(t, round, kept, "what the arguments let it keep is there again")
	}
}

func serverPID(t *testing.T, client *redis.Client) string {
	t.Helper()
	info, err := client.InfoMap(t.Context(), "server").Result()
	require.NoError(t, err)
	return info["Server"]["process_id"]
}

func TestAPausedServerAnswersLater(t *testing.T) {
	t.Parallel()
	server := Start(t)
	client := server.Client()
	require.NoError(t, client.Ping(t.Context()).Err())
	server.Pause()
	answer := make(chan error, 1)
	go func() { answer <- client.Incr(context.Background(), "n").Err() }()
	require.Never(t, func() bool { return len(answer) > 0 }, 50*time.Millisecond, 10*time.Millisecond)
	server.Resume()
	require.NoError(t, <-answer)
	server.Pause() // a paused server must end too
}

func TestATakenPortIsTold(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	_, err = startProcess([]string{"--bind", "127.0.0.1", "--port", port})
	skipWithoutRedis(t, err)
	assert.ErrorIs(t, err, errPortTaken)
}

func TestAServerThatDoesNotStartSaysWhy(t *testing.T) {
	t.Parallel()
	_, err := Launch("--no-such-option", "1")
	skipWithoutRedis(t, err)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "no-such-option")
}

// The test program runs itself once more, as a program that starts a server and ends without any cleanup.
func TestAServerDoesNotOutliveItsProgram(t *testing.T) {
	const child = "REDISTEST_CHILD"
	if os.Getenv(child) != "" {
		fmt.Println(Start(t).Addr())
		os.Exit(0)
	}
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells a process of the end of its parent")
	}
	if _, err := exec.LookPath("redis-server"); err != nil {
		Require(t, ErrMissing)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), child+"=1", "TMPDIR="+t.TempDir())
	out, err := cmd.Output()
	require.NoError(t, err)
	addr := strings.TrimSpace(string(out))
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		connection, err := net.Dial("tcp", addr)
		if assert.Error(c, err) {
			return
		}
		_ = connection.Close()
	}, stopPatience, 10*time.Millisecond)
}

// skipWithoutRedis skips a test of what goes wrong where there is no Redis that could do so.
func skipWithoutRedis(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, ErrMissing) {
		Require(t, err)
	}
}

// recorder is a testing.TB that only notes how a test was ended.
type recorder struct {
	testing.TB
	skipped, failed []any
}

func (r *recorder) Helper()           {}
func (r *recorder) Skip(args ...any)  { r.skipped = args }
func (r *recorder) Fatal(args ...any) { r.failed = args }

func TestAMachineWithoutRedis(t *testing.T) {
	path, noSkip := os.Getenv("PATH"), "AGENTSTATE_NO_SKIP"
	t.Setenv("PATH", t.TempDir())
	t.Setenv(binaryVariable, "")
	_, err := Launch()
	require.ErrorIs(t, err, ErrMissing)
	_, err = LaunchCluster(3)
	require.ErrorIs(t, err, ErrMissing)
	t.Setenv("PATH", path)

	t.Setenv(noSkip, "")
	var r recorder
	Require(&r, fmt.Errorf("start: %w", ErrMissing))
	assert.Equal(t, []any{"redis-server is not installed: apt-get install redis-server"}, r.skipped)
	assert.Empty(t, r.failed)

	t.Setenv(noSkip, "1")
	r = recorder{}
	Require(&r, ErrMissing)
	assert.Empty(t, r.skipped)
	assert.NotEmpty(t, r.failed)

	r = recorder{}
	Require(&r, nil)
	assert.Equal(t, recorder{}, r)
}

func TestClusterSharesTheSlots(t *testing.T) {
	t.Parallel()
	const masters = 3
	addrs := Cluster(t, masters)
	require.Len(t, addrs, masters)
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs[:1]})
	defer func() { require.NoError(t, client.Close()) }()
	for i := range 100 {
		require.NoError(t, client.Set(t.Context(), fmt.Sprint(i), i, 0).Err())
	}
	for _, addr := range addrs {
		node := newClient(addr)
		keys, err := node.DBSize(t.Context()).Result()
		require.NoError(t, err)
		assert.Positive(t, keys, "each master holds some of the keys")
		require.NoError(t, node.Close())
	}
}
