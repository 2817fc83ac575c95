package store

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

// findingOf gives the finding of that code; nil where there is none.
func findingOf(r *Report, code string) *Finding {
	for _, f := range r.Findings {
		if f.Code == code {
			return &f
		}
	}
	return nil
}

// Memory that Redis has given free in small pieces, between others that stay, stays with its process.
func TestDoctorSeesFragmentedMemory(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--enable-debug-command", "yes")
	s := engines[1].open(t, func(o *Options) { o.Connection.Addrs = []string{server.Addr()} })
	mustCreate(t, s.For("ann"), "one")
	assert.Nil(t, findingOf(examine(t, s, Examination{}), "memory-fragmented"), "a small Redis takes many times of what it needs, which is not much")
	do(t, server, "debug", "populate", 200_000, "filler", 1000)
	assert.Nil(t, findingOf(examine(t, s, Examination{}), "memory-fragmented"), "much memory that is used")
	require.NoError(t, server.Client().Eval(t.Context(), `
		for i = 0, 199999 do
			if i % 10 ~= 0 then redis.call('DEL', 'filler:' .. i) end
		end
		return 'OK'`, nil).Err())
	var found *Finding
	require.Eventually(t, func() bool { // Redis measures its size ten times in a second
		found = findingOf(examine(t, s, Examination{}), "memory-fragmented")
		return found != nil
	}, eventPatience, 100*time.Millisecond)
	assert.Equal(t, Warning, found.Severity)
	assert.Equal(t, []string{server.Addr()}, found.Examples)
}

// Ids that fall into one bucket more often than into the others give its node more to do.
func TestDoctorSeesSkewedBuckets(t *testing.T) {
	t.Parallel()
	s := engines[1].open(t, withBuckets(4))
	th := s.For("ann")
	ids := make([][]string, 4) // by bucket
	for i := 0; slices.ContainsFunc(ids, func(ids []string) bool { return len(ids) < 2110 }); i++ {
		id := fmt.Sprintf("t%d", i)
		b := s.keys.bucketOf("ann", id)
		ids[b] = append(ids[b], id)
	}
	fill := func(ids []string) {
		var writers sync.WaitGroup
		errs := make([]error, 8)
		for w := range errs {
			writers.Go(func() {
				for i := w; i < len(ids) && errs[w] == nil; i += len(errs) {
					_, errs[w] = th.Create(t.Context(), ids[i], Create{}, Read{})
				}
			})
		}
		writers.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
	}
	fill(ids[2][:700])
	assert.Nil(t, findingOf(examine(t, s, Examination{}), "bucket-skew"), "all are in one, and are too few to matter")
	for _, b := range []int{0, 1, 3} {
		fill(ids[b][:700])
	}
	fill(ids[2][700:1900])
	assert.Nil(t, findingOf(examine(t, s, Examination{}), "bucket-skew"), "1,900 of 4,000, and 1,000 on average")
	fill(ids[2][1900:2010])
	fill(ids[1][700:701])
	assert.Nil(t, findingOf(examine(t, s, Examination{}), "bucket-skew"), "2,010 of 4,111: less than twice the average")
	fill(ids[2][2010:2110])
	found := findingOf(examine(t, s, Examination{}), "bucket-skew")
	require.NotNil(t, found, "2,110 of 4,211")
	assert.Equal(t, Warning, found.Severity)
	assert.Equal(t, []string{"bucket 2"}, found.Examples)
	assert.Equal(t, 1, found.Count)
}

// One bucket has one master to do everything, whatever else there is.
func TestDoctorSeesIdleMasters(t *testing.T) {
	t.Parallel()
	s := engines[2].open(t, withBuckets(1))
	mustCreate(t, s.For("ann"), "one")
	report := examine(t, s, Examination{})
	found := findingOf(report, "idle-master")
	require.NotNil(t, found)
	assert.Equal(t, Warning, found.Severity)
	var idle []string
	for _, n := range report.Nodes {
		if n.Addr != report.Buckets[0].Node {
			idle = append(idle, n.Addr)
		}
	}
	assert.Len(t, idle, 2)
	assert.ElementsMatch(t, idle, found.Examples)
	assert.Nil(t, findingOf(examine(t, engines[2].open(t), Examination{}), "idle-master"), "sixteen buckets are on all of them")
}

// harmed makes threads of which each has lost a place in an index.
func harmed(tb testing.TB, s *Store, threads int) {
	tb.Helper()
	th := s.For("ann")
	for i := range threads {
		id := fmt.Sprintf("t%d", i)
		mustCreate(tb, th, id, numbered(1, 3)...)
		require.NoError(tb, s.rdb.ZRem(tb.Context(), th.keysOf(id).updated, id).Err())
	}
}

// On a cluster with replicas each thread is looked at once, at its master, and what is repaired there is at the replica too.
func TestDoctorOfAReplicatedCluster(t *testing.T) {
	t.Parallel()
	nodes, err := redistest.LaunchReplicatedCluster(3)
	redistest.Require(t, err)
	defer nodes.Close()
	s := engines[2].open(t, func(o *Options) { o.Connection.Addrs = nodes.Addrs() })
	const threads = 60
	harmed(t, s, threads)
	report := examine(t, s, Examination{Fix: true, Deep: true})
	assert.Equal(t, []string{fmt.Sprintf("index-updated %d/%[1]d", threads)}, told(report))
	assert.EqualValues(t, threads, report.Examined.Threads)
	assert.Nil(t, findingOf(report, "no-replica"))
	require.Len(t, report.Nodes, 3)
	for _, n := range report.Nodes {
		assert.Equal(t, []any{"master", 1}, []any{n.Role, n.Replicas})
	}
	assert.Empty(t, told(examine(t, s, Examination{Deep: true})))
	for i := range 3 {
		awaitOffset(t, nodes[i], nodes[3+i])
	}
	recent, err := s.For("ann").Stale().Recent(t.Context(), 1000)
	require.NoError(t, err)
	assert.Len(t, recent, threads)

	nodes[4].Kill()
	var alone *Finding
	require.Eventually(t, func() bool {
		alone = findingOf(examine(t, s, Examination{}), "no-replica")
		return alone != nil
	}, failoverPatience, 50*time.Millisecond)
	assert.Equal(t, []string{nodes[1].Addr()}, alone.Examples)
	assert.Equal(t, 1, alone.Count)
}

// The doctor finds the master by its sentinels, and after a failover the next one.
func TestDoctorOfSentinels(t *testing.T) {
	t.Parallel()
	sentinels, err := redistest.LaunchSentinels()
	redistest.Require(t, err)
	defer sentinels.Close()
	s := engines[3].open(t, func(o *Options) { o.Connection.Addrs, o.Connection.Timeout = sentinels.Addrs(), time.Second })
	const threads = 20
	harmed(t, s, threads)
	report := examine(t, s, Examination{})
	assert.Equal(t, []string{fmt.Sprintf("index-updated %d/0", threads)}, told(report))
	require.Len(t, report.Nodes, 1)
	assert.Equal(t, []any{redistest.MasterName, "master", 1}, []any{report.Nodes[0].Addr, report.Nodes[0].Role, report.Nodes[0].Replicas})

	require.NoError(t, sentinels.Replicated(t.Context()))
	sentinels.Master.Kill()
	require.Eventually(t, func() bool {
		report, err = Examine(t.Context(), s.opts, Examination{Fix: true})
		return err == nil && findingOf(report, "replica") == nil
	}, failoverPatience, 50*time.Millisecond)
	assert.Equal(t, []string{fmt.Sprintf("index-updated %d/%[1]d", threads)}, told(report))
	assert.Equal(t, 0, report.Nodes[0].Replicas, "the next master has none yet")
	assert.Empty(t, told(examine(t, s, Examination{Deep: true})))
}
