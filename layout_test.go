package main

import (
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

// A server whose Redis is in use with another number of buckets does not start, and says what to do.
func TestAnotherNumberOfBuckets(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	require.NoError(t, start(t, "REDIS_URL=redis://"+redis.Addr(), "REDIS_BUCKETS=4").stop())
	err := run(t.Context(), nil, []string{"REDIS_URL=redis://" + redis.Addr(), "LISTEN_ADDR=127.0.0.1:0"}, io.Discard, io.Discard, nil)
	require.ErrorContains(t, err, "set REDIS_BUCKETS=4")
	start(t, "REDIS_URL=redis://"+redis.Addr(), "REDIS_KEY_PREFIX=another")
}

// One whose Redis is away starts, and looks when it comes.
func TestAnotherNumberOfBucketsThatComesLater(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	redis.Kill()
	s := start(t, "REDIS_URL=redis://"+redis.Addr())
	const create = `mutation { createAgentState(input: {threadId: "one"}) { agentState { version } } }`
	assert.Equal(t, "UNAVAILABLE", s.Fail(t, create, nil).Code())
	redis.Restart()
	require.NoError(t, redis.Client().Set(t.Context(), "thread:layout", "layout=1 buckets=4", 0).Err())
	assert.Equal(t, "UNAVAILABLE", s.Fail(t, create, nil).Code())
	assert.Contains(t, s.log.String(), "set REDIS_BUCKETS=4")
	require.NoError(t, redis.Client().Del(t.Context(), "thread:layout").Err())
	var created any
	s.Must(t, create, nil, &created)
}
