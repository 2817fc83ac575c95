package store

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

// A write that waits is acknowledged when the replica has it, and not before.
func TestWritesWaitForReplicas(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	host, port, err := net.SplitHostPort(master.Addr())
	require.NoError(t, err)
	replica := redistest.Start(t, "--replicaof", host, port)
	followed := replica.Client()
	require.Eventually(t, func() bool {
		info, err := followed.Info(t.Context(), "replication").Result()
		return err == nil && strings.Contains(info, "master_link_status:up")
	}, eventPatience, 10*time.Millisecond)

	s := (engine{mode: Standalone, connect: func(testing.TB) Connection { return Connection{Addrs: []string{master.Addr()}} }}).open(t,
		func(o *Options) { o.WaitReplicas, o.WaitTimeout = 1, 20*time.Second })
	th := s.For("ann")
	mustCreate(t, th, "one", say("a", "x"))
	mustAppend(t, th, "one", say("b", "x"))
	n, err := followed.LLen(t.Context(), th.keysOf("one").messages).Result()
	require.NoError(t, err)
	assert.Equal(t, int64(2), n, "the replica has both")

	impatient := twin(t, s, func(o *Options) { o.WaitTimeout = 50 * time.Millisecond }).For("ann")
	replica.Pause()
	for name, do := range map[string]func() error{
		"Append": func() error {
			_, err := impatient.Append(t.Context(), "one", Append{Messages: numbered(3, 1)}, &everything)
			return err
		},
		"again": func() error {
			_, err := impatient.Append(t.Context(), "one", Append{Messages: numbered(3, 1)}, nil)
			return err
		},
		"Update": func() error { _, err := impatient.Update(t.Context(), "one", Update{}, nil); return err },
	} {
		require.ErrorIs(t, do(), ErrUnavailable, name)
	}
	require.ErrorIs(t, impatient.Delete(t.Context(), "none", nil), ErrNotFound, "where nothing was written there is nothing to wait for")
	assert.Equal(t, 3, mustGet(t, impatient, "one").Seq, "reads do not wait")
	replica.Resume()
	again, err := th.Append(t.Context(), "one", Append{Messages: numbered(3, 1)}, nil)
	require.NoError(t, err)
	assert.Equal(t, 1, again.Duplicates, "it was stored once")
}

func TestWritesWaitForReplicasThatThereAreNot(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t, func(o *Options) { o.WaitReplicas, o.WaitTimeout = 2, 10*time.Millisecond }).For("ann") // Sentinel has one
		_, err := th.Create(t.Context(), "one", Create{}, Read{})
		if e.mode == Embedded { // it has no replicas, and keeps nothing anyway
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, ErrUnavailable)
		}
	})
}
