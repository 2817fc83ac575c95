package store

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

func TestHealth(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		mustCreate(t, s.For("ann"), "one")
		assert.Equal(t, e.mode, s.Mode())
		h := s.Health(t.Context())
		assert.Equal(t, OK, h.Status)
		assert.Equal(t, e.mode, h.Mode)
		assert.NotEmpty(t, *h.RedisVersion)
		assert.Positive(t, *h.ConnectedClients)
		assert.Regexp(t, `^[0-9.]+[BKMGT]$`, *h.UsedMemoryHuman)
		assert.Positive(t, *h.LatencyMs)
		assert.Nil(t, h.Error)
		assert.Contains(t, string(h.Keyspace), `{"db0":{`)
		if e.mode == Embedded {
			assert.Equal(t, []string{embeddedWarning}, h.Warnings)
		} else {
			require.Len(t, h.Warnings, 1, "the servers of the tests keep nothing on disk, all of them")
			assert.Contains(t, h.Warnings[0], "appendonly")
		}
	})
}

func TestHealthWarnsOfEviction(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--maxmemory-policy", "allkeys-lru")
	s := engines[1].open(t, func(o *Options) { o.Connection.Addrs = []string{server.Addr()} })
	h := s.Health(t.Context())
	assert.Equal(t, Degraded, h.Status)
	require.Len(t, h.Warnings, 2)
	assert.Contains(t, h.Warnings[0], "noeviction")
	server.Kill()
	h = s.Health(t.Context())
	assert.Equal(t, Unavailable, h.Status)
	assert.Equal(t, "Redis cannot be reached.", *h.Error, "no address is given away")
	assert.Nil(t, h.RedisVersion)
}

func TestKeyspace(t *testing.T) {
	t.Parallel()
	assert.JSONEq(t, `{"db0":{"keys":5,"expires":1,"avg_ttl":0},"db3":{"keys":1}}`, string(keyspaceJSON("db0:keys=3,expires=1,avg_ttl=0", "db0:keys=2,expires=0", "db3:keys=1,odd=x")))
	assert.JSONEq(t, `{}`, string(keyspaceJSON()))
	for name, want := range map[string]bool{"db0": true, "db15": true, "db": false, "dbx": false, "used_memory": false, "db-1": false} {
		assert.Equal(t, want, isDatabase(name), name)
	}
	for bytes, want := range map[uint64]string{0: "0.00B", 1023: "1023.00B", 1536: "1.50K", 5 << 20: "5.00M", 3 << 30: "3.00G", 2 << 50: "2048.00T"} {
		assert.Equal(t, want, human(bytes))
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	_, err := Open(Options{Prefix: "a{b}"})
	require.Error(t, err)
	opts := DefaultOptions()
	opts.Connection.URL = "redis://:secret@:99999x/0"
	_, err = Open(opts)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "secret")
	server := sharedServer(t)
	for _, url := range []string{"redis://" + server.Addr(), "redis://" + server.Addr() + "/3"} {
		opts = DefaultOptions()
		opts.Connection.URL = url
		s := openWith(t, opts)
		assert.Equal(t, Standalone, s.Mode())
		require.NoError(t, s.Ping(t.Context()))
	}
	opts = DefaultOptions()
	opts.NewEpoch, opts.Log = nil, nil
	s := openWith(t, opts)
	assert.Equal(t, Embedded, s.Mode())
	mustCreate(t, s.For(""), "one")
}
