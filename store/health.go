package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// HealthStatus is how a part of the service is.
type HealthStatus string

// The states of health.
const (
	OK          HealthStatus = "OK"
	Degraded    HealthStatus = "DEGRADED"
	Unavailable HealthStatus = "UNAVAILABLE"
)

// RedisMode is what kind of Redis the store talks to.
type RedisMode string

// The kinds of Redis.
const (
	Embedded   RedisMode = "EMBEDDED"
	Standalone RedisMode = "STANDALONE"
	Sentinel   RedisMode = "SENTINEL"
	Cluster    RedisMode = "CLUSTER"
)

// RedisHealth is what Redis says of itself. While it does not answer, all but Status, Mode and Error is nil.
type RedisHealth struct {
	Status           HealthStatus
	Mode             RedisMode
	RedisVersion     *string
	ConnectedClients *int
	UsedMemoryHuman  *string
	Keyspace         json.RawMessage
	LatencyMs        *float64
	Error            *string
	Warnings         []string
}

// embeddedWarning is the warning of every server that runs without a Redis of its own.
const embeddedWarning = "All data is kept in the memory of this process and is gone when it ends; set REDIS_HOST to keep it."

// keptWarning takes its place where the embedded Redis has a file.
const keptWarning = "All data is in the memory of this process, and is saved to EMBEDDED_FILE every ten seconds and at the end, so that a crash loses what came since; set REDIS_HOST to lose less."

// Health asks Redis how it is. It gives no error: that Redis does not answer is part of what it tells. Two round trips, three
// on a cluster.
func (s *Store) Health(ctx context.Context) *RedisHealth {
	h := &RedisHealth{Status: OK, Mode: s.mode, Warnings: []string{}}
	start := time.Now()
	if err := s.Ping(ctx); err != nil {
		h.Status, h.Error = Unavailable, ptr(publicReason(err))
		return h
	}
	h.LatencyMs = ptr(math.Round(float64(time.Since(start).Microseconds())) / 1000)
	if s.mode == Embedded {
		s.embeddedHealth(ctx, h)
	} else {
		s.info(ctx, h)
	}
	return h
}

// embeddedHealth fills in what the embedded Redis cannot tell by INFO. That it keeps nothing is a warning, but it works as it is
// meant to: the status stays OK.
func (s *Store) embeddedHealth(ctx context.Context, h *RedisHealth) {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	h.UsedMemoryHuman = ptr(human(memory.HeapInuse))
	h.RedisVersion = ptr("miniredis (embedded)")
	h.ConnectedClients = ptr(s.embedded.server.CurrentConnectionCount())
	if keys, err := s.rdb.DBSize(ctx).Result(); err == nil {
		h.Keyspace = keyspaceJSON(fmt.Sprintf("db0:keys=%d", keys))
	}
	if s.saver != nil {
		h.Warnings = append(h.Warnings, keptWarning)
		return
	}
	h.Warnings = append(h.Warnings, embeddedWarning)
}

// info fills in what a real Redis tells by INFO. On a cluster the numbers are those of all masters together.
func (s *Store) info(ctx context.Context, h *RedisHealth) {
	var f findings
	nodes, err := s.checkNodes(ctx, &f)
	if err != nil || len(nodes) == 0 {
		h.Status = Degraded
		h.Warnings = append(h.Warnings, "Redis does not answer INFO; allow it to this user.")
		return
	}
	var clients, memory float64
	var databases []string
	for _, n := range nodes {
		clients, memory = clients+n.number("connected_clients"), memory+n.number("used_memory")
		databases = append(databases, n.databases...)
	}
	h.RedisVersion, h.ConnectedClients = ptr(nodes[0].version()), ptr(int(clients))
	h.UsedMemoryHuman = ptr(human(uint64(memory)))
	h.Keyspace = keyspaceJSON(databases...)
	for _, finding := range f.list() {
		if h.Warnings = append(h.Warnings, finding.Text); finding.Severity == Problem {
			h.Status = Degraded
		}
	}
}

// isDatabase tells the lines of INFO's keyspace section: db0, db1, …
func isDatabase(name string) bool {
	digits, ok := strings.CutPrefix(name, "db")
	_, err := strconv.ParseUint(digits, 10, 16)
	return ok && err == nil
}

// keyspaceJSON turns lines such as db0:keys=1,expires=0 into an object of objects of numbers, those of one database added up.
func keyspaceJSON(databases ...string) json.RawMessage {
	spaces := make(map[string]map[string]int64, len(databases))
	for _, line := range databases {
		name, facts, _ := strings.Cut(line, ":")
		if spaces[name] == nil {
			spaces[name] = make(map[string]int64)
		}
		for fact := range strings.SplitSeq(facts, ",") {
			key, value, _ := strings.Cut(fact, "=")
			if n, err := strconv.ParseInt(value, 10, 64); err == nil && (key != "avg_ttl" || spaces[name][key] == 0) { // an average is no sum
				spaces[name][key] += n
			}
		}
	}
	raw, _ := json.Marshal(spaces) // maps of numbers always can be encoded
	return raw
}

// publicReason says why Redis cannot be used without its address, which is not everybody's business.
func publicReason(err error) string {
	wrong, ok := errors.AsType[*LayoutError](err)
	switch {
	case ok:
		return wrong.Error()
	case redis.HasErrorPrefix(err, "NOAUTH"), redis.HasErrorPrefix(err, "WRONGPASS"):
		return "Redis refuses the credentials of this server."
	case redis.HasErrorPrefix(err, "OOM"): // only ahead of the first use, when the layout cannot be written
		return "Redis has no memory left; raise its maxmemory."
	case redis.HasErrorPrefix(err, "LOADING"):
		return "Redis is loading its data."
	default:
		return "Redis cannot be reached."
	}
}

// human writes a number of bytes as Redis does in used_memory_human.
func human(bytes uint64) string {
	value, unit := float64(bytes), "B"
	for _, next := range []string{"K", "M", "G", "T"} {
		if value < 1024 {
			break
		}
		value, unit = value/1024, next
	}
	return fmt.Sprintf("%.2f%s", value, unit)
}

func ptr[T any](v T) *T { return &v }
