//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
	"agentstate/store"
)

// An adoption that is killed in its midst leaves each thread whole, and the next one does the rest; one that is interrupted says so.
func TestAdoptIsKilled(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) (environ []string, rdb redis.UniversalClient, nodes []*redis.Client){
		"standalone": func(t *testing.T) ([]string, redis.UniversalClient, []*redis.Client) {
			server := redistest.Start(t)
			return []string{"REDIS_URL=redis://" + server.Addr()}, server.Client(), []*redis.Client{server.Client()}
		},
		"cluster": func(t *testing.T) ([]string, redis.UniversalClient, []*redis.Client) {
			nodes, err := redistest.LaunchCluster(3)
			redistest.Require(t, err)
			t.Cleanup(nodes.Close)
			rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: nodes.Addrs()})
			t.Cleanup(func() { _ = rdb.Close() })
			var clients []*redis.Client
			for _, n := range nodes {
				clients = append(clients, n.Client())
			}
			return []string{"REDIS_ADDRS=" + strings.Join(nodes.Addrs(), ",")}, rdb, clients
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			environ, rdb, nodes := open(t)
			const threads, messages = 3000, 20
			_, err := rdb.Pipelined(t.Context(), func(pipe redis.Pipeliner) error {
				for i := range threads {
					id := fmt.Sprintf("t%04d", i)
					pipe.Set(t.Context(), "thread:"+id, oldDocument(id, messages), time.Hour)
				}
				return nil
			})
			require.NoError(t, err)
			const old = "thread:t*"
			for rounds, left := 1, threads; rounds <= 2; rounds++ { // killed, then interrupted
				cmd := launchAdopt(t, environ)
				eventually(t, "some are adopted", func() bool { return oldKeys(t, nodes, old) < left-threads/10 })
				signal := syscall.SIGKILL
				if rounds == 2 {
					signal = syscall.SIGINT
				}
				require.NoError(t, cmd.Process.Signal(signal))
				err := cmd.Wait()
				left = oldKeys(t, nodes, old)
				t.Logf("%v: %d of %d are left: %v", signal, left, threads, err)
				if rounds == 2 && left > 0 {
					assert.Equal(t, exitNotDone, cmd.ProcessState.ExitCode())
				}
			}
			code, out, problems := command(t, environ, "adopt")
			require.Zero(t, code, "%s %s", out, problems)
			assert.Zero(t, oldKeys(t, nodes, old))

			code, out, _ = command(t, environ, "doctor", "--ignore", "persistence-off,no-replica,idle-master", "--deep")
			assert.Zero(t, code, out)
			s := start(t, environ...)
			var got struct{ AgentStateCount int }
			s.Must(t, `{ agentStateCount }`, nil, &got)
			assert.Equal(t, threads, got.AgentStateCount)
			for i := 0; i < threads; i += 100 {
				id := fmt.Sprintf("t%04d", i)
				nodes := read(t, s, id, `messages { nodes { messageId } }`).Messages.Nodes
				require.Len(t, nodes, messages)
				for j, m := range nodes {
					assert.Equal(t, store.OldMessageID(id, j), m.MessageID)
				}
			}
		})
	}
}

// launchAdopt starts `agentstate adopt` as a process, which is killed with the test.
func launchAdopt(t *testing.T, environ []string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append([]string{asMain + "=1", asArguments + "=adopt"}, environ...)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd
}

// oldKeys counts the documents of the replaced service.
func oldKeys(tb testing.TB, clients []*redis.Client, pattern string) (n int) {
	tb.Helper()
	for _, c := range clients {
		keys, err := c.Keys(tb.Context(), pattern).Result()
		require.NoError(tb, err)
		n += len(keys)
	}
	return n
}
