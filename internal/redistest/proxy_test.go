package redistest

import (
	"bufio"
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// proxied starts a Redis with a proxy and a client behind it that never repeats anything, and a client that goes straight to Redis.
func proxied(t *testing.T) (proxy *Proxy, through, straight *redis.Client) {
	t.Helper()
	server := Start(t)
	proxy = NewProxy(t, server.Addr())
	through = redis.NewClient(&redis.Options{
		Addr: proxy.Addr(), MaxRetries: -1, ReadTimeout: 2 * time.Second, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	t.Cleanup(func() { _ = through.Close() })
	return proxy, through, server.Client()
}

func TestProxyPassesOn(t *testing.T) {
	t.Parallel()
	_, through, _ := proxied(t)
	big := strings.Repeat("x\r\n", 1<<20)
	require.NoError(t, through.Set(t.Context(), "big", big, 0).Err())
	got, err := through.Get(t.Context(), "big").Result()
	require.NoError(t, err)
	assert.Equal(t, big, got)
	require.NoError(t, through.HSet(t.Context(), "hash", "a", "1", "b", "2").Err())
	all, err := through.HGetAll(t.Context(), "hash").Result()
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"a": "1", "b": "2"}, all)
	require.ErrorIs(t, through.Get(t.Context(), "none").Err(), redis.Nil)
}

func TestProxyPassesOnEvents(t *testing.T) {
	t.Parallel()
	_, through, straight := proxied(t)
	events := through.Subscribe(t.Context(), "news")
	defer func() { require.NoError(t, events.Close()) }()
	_, err := events.Receive(t.Context())
	require.NoError(t, err)
	require.NoError(t, straight.Publish(t.Context(), "news", "hello").Err())
	message, err := events.ReceiveMessage(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "hello", message.Payload)
}

func TestCutAfterRequest(t *testing.T) {
	t.Parallel()
	requests := map[string]func(context.Context, *redis.Client) error{
		"a command": func(ctx context.Context, c *redis.Client) error { return c.Incr(ctx, "n").Err() },
		"a pipeline": func(ctx context.Context, c *redis.Client) error {
			_, err := c.Pipelined(ctx, func(pipe redis.Pipeliner) error {
				pipe.Set(ctx, "filler", strings.Repeat("x", 1<<20), 0) // more than is written to the connection at once
				pipe.Incr(ctx, "n")
				return pipe.Get(ctx, "filler").Err()
			})
			return err
		},
		"a transaction": func(ctx context.Context, c *redis.Client) error {
			_, err := c.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
				pipe.Incr(ctx, "n")
				return pipe.Set(ctx, "filler", strings.Repeat("x", 1<<20), 0).Err()
			})
			return err
		},
	}
	for name, request := range requests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy, through, straight := proxied(t)
			require.NoError(t, through.Ping(t.Context()).Err())
			proxy.CutAfterRequest(Contains("incr"))
			require.Error(t, request(t.Context(), through), "the reply is lost")
			n, err := straight.Get(t.Context(), "n").Int()
			require.NoError(t, err)
			assert.Equal(t, 1, n, "it has happened by the time that the client knows")
			assert.Equal(t, 1, proxy.Matched())
			require.NoError(t, request(t.Context(), through), "only one is cut")
			assert.Equal(t, 2, proxy.Matched())
			require.NoError(t, through.Ping(t.Context()).Err(), "what does not match is let through")
			proxy.CutAfterRequest(nil)
			require.NoError(t, request(t.Context(), through))
			assert.Zero(t, proxy.Matched())
		})
	}
}

func TestDropReplies(t *testing.T) {
	t.Parallel()
	proxy, through, straight := proxied(t)
	require.NoError(t, through.Ping(t.Context()).Err())
	proxy.DropReplies(true)
	require.Error(t, through.Set(t.Context(), "k", "v", 0).Err())
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.NoError(c, straight.Get(context.Background(), "k").Err(), "the request has reached Redis")
	}, 5*time.Second, 5*time.Millisecond)
	proxy.DropReplies(false)
	require.NoError(t, through.Ping(t.Context()).Err())
}

func TestBlockAndCutAll(t *testing.T) {
	t.Parallel()
	proxy, through, _ := proxied(t)
	require.NoError(t, through.Ping(t.Context()).Err())
	proxy.Block(true)
	require.NoError(t, through.Ping(t.Context()).Err(), "connections that there are stay")
	proxy.CutAll()
	require.Error(t, through.Ping(t.Context()).Err())
	require.Error(t, through.Ping(t.Context()).Err())
	proxy.Block(false)
	require.NoError(t, through.Ping(t.Context()).Err())
}

func TestMute(t *testing.T) {
	t.Parallel()
	for _, protocol := range []int{2, 3} {
		proxy, _, straight := proxied(t)
		subscriber := redis.NewClient(&redis.Options{Addr: proxy.Addr(), Protocol: protocol})
		defer func() { _ = subscriber.Close() }()
		sub := subscriber.Subscribe(t.Context(), "c")
		defer func() { _ = sub.Close() }()
		_, err := sub.Receive(t.Context())
		require.NoError(t, err)
		proxy.Mute(true)
		require.NoError(t, straight.Publish(t.Context(), "c", "lost").Err())
		require.NoError(t, sub.Ping(t.Context(), "x"))
		got, err := sub.Receive(t.Context())
		require.NoError(t, err)
		assert.IsType(t, &redis.Pong{}, got, "the connection answers")
		proxy.Mute(false)
		require.NoError(t, straight.Publish(t.Context(), "c", "heard").Err())
		m, err := sub.ReceiveMessage(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "heard", m.Payload)
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	proxy, through, _ := proxied(t)
	require.NoError(t, through.Ping(t.Context()).Err())
	proxy.Delay(100 * time.Millisecond)
	start := time.Now()
	require.NoError(t, through.Ping(t.Context()).Err())
	assert.GreaterOrEqual(t, time.Since(start), 100*time.Millisecond)
}

func TestProxyWithoutRedis(t *testing.T) {
	t.Parallel()
	server := Start(t)
	proxy := NewProxy(t, server.Addr())
	server.Kill()
	client, err := net.Dial("tcp", proxy.Addr())
	require.NoError(t, err)
	defer func() { _ = client.Close() }()
	_, err = client.Read(make([]byte, 1))
	require.Error(t, err, "the client is cut off too")
}

func TestReadValue(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"simple string": "+OK\r\n", "error": "-ERR no\r\n", "number": ":1\r\n", "null": "_\r\n", "double": ",1.5\r\n",
		"boolean": "#t\r\n", "big number": "(12345678901234567890\r\n",
		"string": "$4\r\na\r\nb\r\n", "empty string": "$0\r\n\r\n", "no string": "$-1\r\n", "verbatim": "=7\r\ntxt:abc\r\n",
		"long error": "!5\r\nERR a\r\n", "list": "*2\r\n$1\r\na\r\n*1\r\n:1\r\n", "empty list": "*0\r\n", "no list": "*-1\r\n",
		"set": "~1\r\n+a\r\n", "map": "%1\r\n+a\r\n:1\r\n", "push": ">2\r\n+message\r\n+a\r\n", "attributes": "|1\r\n+a\r\n:1\r\n+OK\r\n",
		"inline": "PING\r\n",
	}
	for name, value := range values {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from := bufio.NewReader(strings.NewReader(value + "+next\r\n"))
			got, err := readValue(from, nil)
			require.NoError(t, err)
			assert.Equal(t, value, string(got))
			got, err = readValue(from, nil)
			require.NoError(t, err)
			assert.Equal(t, "+next\r\n", string(got))
		})
	}
	for _, broken := range []string{"", "$5\r\nab", "*1\r\n", "$x\r\n", "*x\r\n"} {
		_, err := readValue(bufio.NewReader(strings.NewReader(broken)), nil)
		assert.Error(t, err, broken)
	}
}
