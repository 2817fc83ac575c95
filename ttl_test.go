package main

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const lifetime = `version createdAt lastUpdated ttlSeconds expiresAt`

// writes are all mutations of a thread that renew its TTL.
var writes = []string{
	`addMessage(input: {threadId: "a", message: {type: AI, content: "x"}}) { agentState { version } }`,
	`addMessages(input: {threadId: "a", messages: [{type: AI, content: "x"}]}) { agentState { version } }`,
	`setContext(input: {threadId: "a", context: "x"}) { agentState { version } }`,
	`setRelevance(input: {threadId: "a", relevant: true}) { agentState { version } }`,
	`addPlan(input: {threadId: "a", subtasks: ["x"]}) { agentState { version } }`,
	`addToolCall(input: {threadId: "a", tool: "t", parameters: 1}) { agentState { version } }`,
	`updateAgentState(input: {threadId: "a"}) { agentState { version } }`,
}

// TestEachWriteRenewsTheTTL, and none pulls a later expiry back.
func TestEachWriteRenewsTheTTL(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		s.Must(t, `mutation { createAgentState(input: {threadId: "a", ttlSeconds: 500}) { agentState { version } } }`, nil, nil)
		created := read(t, s, "a", lifetime)
		assert.Equal(t, created.LastUpdated.Add(500*time.Second), created.ExpiresAt)
		assert.Equal(t, created.CreatedAt, created.LastUpdated)
		last := created
		for _, write := range writes {
			s.Must(t, `mutation { `+write+` }`, nil, nil)
			now := read(t, s, "a", lifetime)
			assert.True(t, now.LastUpdated.After(last.LastUpdated), write)
			assert.Equal(t, now.LastUpdated.Add(500*time.Second), now.ExpiresAt, write)
			assert.Equal(t, created.CreatedAt, now.CreatedAt)
			last = now
		}
		for _, write := range writes {
			s.Must(t, `mutation { extendTtl(input: {threadId: "a", ttlSeconds: 10}) { ttl { ttlSeconds } } }`, nil, nil)
			s.Must(t, `mutation { `+write+` }`, nil, nil)
			now := read(t, s, "a", lifetime)
			assert.Equal(t, now.LastUpdated.Add(500*time.Second), now.ExpiresAt, "from a shorter time: %s", write)
		}
		s.Must(t, `mutation { extendTtl(input: {threadId: "a", ttlSeconds: 9000}) { ttl { ttlSeconds } } }`, nil, nil)
		later := read(t, s, "a", lifetime).ExpiresAt
		for _, write := range append(writes, `updateAgentState(input: {threadId: "a", ttlSeconds: 5}) { agentState { version } }`) {
			s.Must(t, `mutation { `+write+` }`, nil, nil)
			assert.Equal(t, later, read(t, s, "a", lifetime).ExpiresAt, "pulled back by %s", write)
		}
		assert.Equal(t, 5, read(t, s, "a", lifetime).TTLSeconds)
	})
}

// TestExtendTTLIsExact, in both directions, and changes nothing else.
func TestExtendTTLIsExact(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		before := create(t, s, "a")
		for _, seconds := range []int{5000, 100, 31_536_000, 1000} {
			var got struct {
				ExtendTTL struct {
					TTL struct {
						TTLSeconds int
						ExpiresAt  time.Time
					}
				}
				AgentStateTTL struct {
					TTLSeconds int
					ExpiresAt  time.Time
				}
			}
			earliest := time.Now().Add(time.Duration(seconds) * time.Second).Truncate(time.Microsecond)
			s.Must(t, `mutation($s: Int!) { extendTtl(input: {threadId: "a", ttlSeconds: $s}) { ttl { ttlSeconds expiresAt } } }`, vars{"s": seconds}, &got)
			latest := time.Now().Add(time.Duration(seconds) * time.Second)
			ttl := got.ExtendTTL.TTL
			assert.Equal(t, seconds, ttl.TTLSeconds)
			assert.False(t, ttl.ExpiresAt.Before(earliest) || ttl.ExpiresAt.After(latest), "%s is not between %s and %s", ttl.ExpiresAt, earliest, latest)

			left := func() int { return int(math.Ceil(time.Until(ttl.ExpiresAt).Seconds())) }
			most := left()
			s.Must(t, `{ agentStateTtl(threadId: "a") { ttlSeconds expiresAt } }`, nil, &got)
			least := left()
			assert.Equal(t, ttl.ExpiresAt, got.AgentStateTTL.ExpiresAt)
			assert.True(t, least <= got.AgentStateTTL.TTLSeconds && got.AgentStateTTL.TTLSeconds <= most, "the rest, rounded up: %d is not in %d to %d",
				got.AgentStateTTL.TTLSeconds, least, most)
			now := read(t, s, "a", lifetime)
			assert.Equal(t, ttl.ExpiresAt, now.ExpiresAt)
			assert.Equal(t, before.Version, now.Version)
			assert.Equal(t, before.LastUpdated, now.LastUpdated)
			assert.Equal(t, before.TTLSeconds, now.TTLSeconds)
		}
	})
}

func TestDefaultTTLIsConfigured(t *testing.T) {
	t.Parallel()
	s := start(t, "REDIS_TTL_SECONDS=1234")
	assert.Equal(t, 1234, create(t, s, "a").TTLSeconds)
	s.Must(t, `mutation { addMessage(input: {threadId: "b", createIfMissing: true, message: {type: AI, content: "x"}}) { agentState { version } } }`, nil, nil)
	assert.Equal(t, 1234, read(t, s, "b", lifetime).TTLSeconds)
}

// TestExpiredThreadIsGoneFromEveryAnswerAtOnce: the sweeper that clears the indexes is as good as off.
func TestExpiredThreadIsGoneFromEveryAnswerAtOnce(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "stays")
		create(t, s, "goes", human("m1"))
		s.Must(t, `mutation { extendTtl(input: {threadId: "goes", ttlSeconds: 1}) { ttl { ttlSeconds } } }`, nil, nil)
		eventually(t, "the thread expires", func() bool { return !exists(t, s, "goes") })
		type answer struct {
			AgentState, AgentStateTTL, Message *struct{}
			AgentStates                        threadList
			Matching                           threadList
			RecentAgentStates                  []thread
			ThreadIds                          idList
			AgentStateCount                    int
		}
		var got answer
		s.Must(t, `{
			agentState(threadId: "goes") { version } agentStateTtl(threadId: "goes") { ttlSeconds } message(threadId: "goes", messageId: "m1") { seq }
			agentStates { nodes { threadId } totalCount } matching: agentStates(filter: {threadIdPattern: "go*"}) { nodes { threadId } totalCount }
			recentAgentStates { threadId } threadIds { nodes totalCount } agentStateCount
		}`, nil, &got)
		assert.Nil(t, got.AgentState)
		assert.Nil(t, got.AgentStateTTL)
		assert.Nil(t, got.Message)
		assert.Equal(t, []string{"stays"}, got.AgentStates.ids())
		assert.Equal(t, 1, got.AgentStates.TotalCount)
		assert.Empty(t, got.Matching.Nodes)
		assert.Zero(t, got.Matching.TotalCount)
		assert.Len(t, got.RecentAgentStates, 1)
		assert.Equal(t, []string{"stays"}, got.ThreadIds.Nodes)
		assert.Equal(t, 1, got.ThreadIds.TotalCount)
		assert.Equal(t, 1, got.AgentStateCount)
		for _, write := range writes {
			write = strings.Replace(write, `"a"`, `"goes"`, 1)
			assert.Equal(t, "NOT_FOUND", s.Fail(t, `mutation { `+write+` }`, nil).Code(), write)
		}
		assert.Empty(t, create(t, s, "goes").Messages.Nodes, "its id is free")
	}, "CLEANUP_INTERVAL=1h")
}

// TestCleanup removes what is old: all of it with an age of 0 days, nothing with the default of 30.
func TestCleanup(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		ids := createMany(t, s, "t%02d", 12)
		type payload struct {
			DeletedCount, MaxAgeDays int
			ThreadIDs                []string
			DryRun                   bool
		}
		cleanup := func(input string) payload {
			var got struct{ CleanupExpired payload }
			s.Must(t, `mutation { cleanupExpired(input: {`+input+`}) { deletedCount threadIds maxAgeDays dryRun } }`, nil, &got)
			return got.CleanupExpired
		}
		got := cleanup(``)
		assert.Zero(t, got.DeletedCount)
		assert.Equal(t, 30, got.MaxAgeDays)
		assert.False(t, got.DryRun)
		assert.Equal(t, []string{}, got.ThreadIDs)
		got = cleanup(`maxAgeDays: 0, dryRun: true`)
		assert.Equal(t, 12, got.DeletedCount)
		assert.ElementsMatch(t, ids, got.ThreadIDs)
		assert.True(t, got.DryRun)
		assert.Equal(t, ids, idsOf(t, s, "").Nodes, "a dry run deletes nothing")
		got = cleanup(`maxAgeDays: 0`)
		assert.Equal(t, 12, got.DeletedCount)
		assert.ElementsMatch(t, ids, got.ThreadIDs)
		assert.Zero(t, got.MaxAgeDays)
		assert.Empty(t, idsOf(t, s, "").Nodes)
		assert.Zero(t, cleanup(`maxAgeDays: 0`).DeletedCount)
	})
}

// TestCleanupGoesByAge makes threads old by hand, which only a Redis of our own lets us.
func TestCleanupGoesByAge(t *testing.T) {
	t.Parallel()
	environ := at(sharedRedis(t).Addr())
	s := start(t, environ...)
	rdb, prefix := sharedRedis(t).Client(), strings.TrimPrefix(environ[2], "REDIS_KEY_PREFIX=")
	createMany(t, s, "t%d", 6)
	for i := range 6 {
		backdate(t, rdb, prefix, fmt.Sprintf("t%d", i), time.Duration(i)*10*24*time.Hour+time.Hour)
	}
	for _, c := range []struct {
		days int
		want []string
	}{{50, []string{"t5"}}, {49, nil}, {20, []string{"t4", "t3", "t2"}}, {1, []string{"t1"}}, {1, nil}} {
		for _, dry := range []bool{true, false} {
			var got struct {
				CleanupExpired struct {
					DeletedCount int
					ThreadIDs    []string
				}
			}
			s.Must(t, `mutation($d: Int!, $dry: Boolean!) { cleanupExpired(input: {maxAgeDays: $d, dryRun: $dry}) { deletedCount threadIds } }`,
				vars{"d": c.days, "dry": dry}, &got)
			assert.Equal(t, len(c.want), got.CleanupExpired.DeletedCount)
			assert.ElementsMatch(t, c.want, got.CleanupExpired.ThreadIDs)
		}
	}
	assert.Equal(t, []string{"t0"}, idsOf(t, s, "").Nodes)
}

// backdate makes a thread look as if its last update had been some time ago. It knows the layout of store/keys.go.
func backdate(tb testing.TB, rdb *redis.Client, prefix, id string, by time.Duration) {
	tb.Helper()
	ctx := context.Background()
	record := recordKey(tb, rdb, prefix, id)
	updated, err := rdb.HGet(ctx, record, "updated").Int64()
	require.NoError(tb, err)
	updated -= by.Microseconds()
	require.NoError(tb, rdb.HSet(ctx, record, "updated", strconv.FormatInt(updated, 10)).Err())
	index := strings.Replace(strings.TrimSuffix(record, id), ":t:", ":u:", 1)
	require.NoError(tb, rdb.ZAddXX(ctx, strings.TrimSuffix(index, ":"), redis.Z{Score: float64(updated), Member: id}).Err())
}

// recordKey finds the record of a thread, which has a hash tag in its name.
func recordKey(tb testing.TB, rdb *redis.Client, prefix, id string) string {
	tb.Helper()
	keys, err := rdb.Keys(context.Background(), prefix+":{*}:t::"+id).Result()
	require.NoError(tb, err)
	require.Len(tb, keys, 1)
	return keys[0]
}
