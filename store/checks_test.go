package store

import (
	"maps"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

// sound is what a server without any finding tells of itself.
var sound = map[string]string{
	"redis_version": "7.0.15", "role": "master", "loading": "0", "maxmemory_policy": "noeviction", "aof_enabled": "1", "rdb_last_bgsave_status": "ok",
	"aof_last_write_status": "ok", "aof_last_bgrewrite_status": "ok", "maxmemory": "1000", "used_memory": "899", "used_memory_rss": "2000",
	"total_system_memory": "2100", "connected_clients": "89", "maxclients": "100", "connected_slaves": "1",
}

// TestChecks: what INFO and CONFIG tell, and what is said of it. health.warnings and the doctor have it from here.
func TestChecks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		info map[string]string
		save string
		// unseen tells that CONFIG GET is not allowed.
		unseen bool
		wait   int
		want   map[string]Severity
	}{
		"a sound server":                {},
		"another policy":                {info: map[string]string{"maxmemory_policy": "allkeys-lru"}, want: map[string]Severity{"eviction": Problem}},
		"loading":                       {info: map[string]string{"loading": "1"}, want: map[string]Severity{"loading": Problem}},
		"loading beside":                {info: map[string]string{"async_loading": "1"}, want: map[string]Severity{"loading": Problem}},
		"nothing on disk":               {info: map[string]string{"aof_enabled": "0"}, want: map[string]Severity{"persistence-off": Warning}},
		"snapshots alone":               {info: map[string]string{"aof_enabled": "0"}, save: "3600 1"},
		"perhaps nothing on disk":       {info: map[string]string{"aof_enabled": "0"}, unseen: true},
		"a failed snapshot":             {info: map[string]string{"rdb_last_bgsave_status": "err"}, save: "3600 1", want: map[string]Severity{"snapshot-failed": Problem}},
		"a failed snapshot, unseen":     {info: map[string]string{"rdb_last_bgsave_status": "err"}, unseen: true, want: map[string]Severity{"snapshot-failed": Problem}},
		"a snapshot that nobody needs":  {info: map[string]string{"rdb_last_bgsave_status": "err"}},
		"a failed append":               {info: map[string]string{"aof_last_write_status": "err"}, want: map[string]Severity{"aof-failed": Problem}},
		"a failed rewrite":              {info: map[string]string{"aof_last_bgrewrite_status": "err"}, want: map[string]Severity{"aof-rewrite-failed": Problem}},
		"nearly full":                   {info: map[string]string{"used_memory": "900"}, want: map[string]Severity{"memory-near-max": Problem}},
		"no bound and a full host":      {info: map[string]string{"maxmemory": "0"}, want: map[string]Severity{"memory-near-host": Problem}},
		"no bound":                      {info: map[string]string{"maxmemory": "0", "used_memory_rss": "1800"}},
		"nearly too many connections":   {info: map[string]string{"connected_clients": "90"}, want: map[string]Severity{"connections-near-max": Problem}},
		"an old version":                {info: map[string]string{"redis_version": "6.2.14"}, want: map[string]Severity{"version": Problem}},
		"Valkey":                        {info: map[string]string{"redis_version": "7.2.4", "valkey_version": "8.0.1"}},
		"a replica":                     {info: map[string]string{"role": "slave"}, want: map[string]Severity{"replica": Problem}},
		"replicas enough":               {wait: 1},
		"too few replicas":              {wait: 2, want: map[string]Severity{"replicas-missing": Problem}},
		"nothing told but the policies": {info: map[string]string{"redis_version": "", "maxmemory": "", "used_memory": "x", "used_memory_rss": "", "maxclients": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := node{addr: "host:1", info: maps.Clone(sound), save: c.save, savesKnown: !c.unseen}
			maps.Copy(n.info, c.info)
			var f findings
			n.checkData(&f)
			n.checkRoom(&f)
			n.checkRole(&f, c.wait)
			got := make(map[string]Severity)
			for _, one := range f.list() {
				got[one.Code] = one.Severity
				assert.Equal(t, []string{"host:1"}, one.Examples)
				assert.NotContains(t, one.Text, "host:1", "the text may reach clients")
				assert.Regexp(t, `^[A-Z].*[A-Za-z_)]\.$`, one.Text)
			}
			if c.want == nil {
				c.want = map[string]Severity{}
			}
			assert.Equal(t, c.want, got)
		})
	}
}

// What a real server tells is read as it is meant.
func TestChecksOfRealServers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set, to string
		wait    int
		status  HealthStatus
		want    string
	}{
		"nothing on disk":  {set: "appendonly", to: "no", status: OK, want: "appendonly"},
		"nearly full":      {set: "maxmemory", to: "100kb", status: Degraded, want: "maxmemory"},
		"few connections":  {set: "maxclients", to: "2", status: Degraded, want: "maxclients"},
		"too few replicas": {set: "maxclients", to: "1000", wait: 1, status: Degraded, want: "REDIS_WAIT_REPLICAS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, "--appendonly", "yes")
			s := engines[1].open(t, func(o *Options) { o.Connection.Addrs, o.WaitReplicas = []string{server.Addr()}, c.wait })
			require.NoError(t, s.Ping(t.Context()))
			require.NoError(t, server.Client().ConfigSet(t.Context(), c.set, c.to).Err())
			h := s.Health(t.Context())
			assert.Equal(t, c.status, h.Status)
			require.Len(t, h.Warnings, 1)
			assert.Contains(t, h.Warnings[0], c.want)
		})
	}
	full := redistest.Start(t, "--maxmemory", "100kb")
	s := engines[1].open(t, func(o *Options) { o.Connection.Addrs = []string{full.Addr()} })
	h := s.Health(t.Context())
	assert.Equal(t, Unavailable, h.Status)
	assert.Contains(t, *h.Error, "maxmemory")
}

// A cluster of which some slots have nobody, or a node that is gone, says so.
func TestChecksOfACluster(t *testing.T) {
	t.Parallel()
	nodes, err := redistest.LaunchCluster(3)
	redistest.Require(t, err)
	defer nodes.Close()
	s := engines[2].open(t, func(o *Options) { o.Connection.Addrs = nodes.Addrs() })
	require.NoError(t, s.Ping(t.Context()))
	client := nodes[0].Client()
	require.NoError(t, client.ConfigSet(t.Context(), "cluster-require-full-coverage", "no").Err())
	require.NoError(t, client.Do(t.Context(), "cluster", "delslots", slotOf("04s")).Err())
	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: nodes.Addrs()[:1], MaxRedirects: -1})
	defer cluster.Close()
	require.Eventually(t, func() bool {
		var f findings
		checkCluster(t.Context(), cluster, &f)
		for _, one := range f.list() {
			if one.Code == "cluster-slots" || one.Code == "cluster-down" {
				return true
			}
		}
		return false
	}, eventPatience, 10*time.Millisecond)
}
