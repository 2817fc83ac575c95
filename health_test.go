package main

import (
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

// TestHealth compares GET /health, which has the shape of the service that this one replaces, with the query.
func TestHealth(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a")
		for path, body := range map[string]string{"/livez": "ok\n", "/readyz": "ok\n"} {
			got := s.Send(t, http.MethodGet, path, "")
			assert.Equal(t, http.StatusOK, got.Status, path)
			assert.Equal(t, body, got.Body, path)
			assert.Equal(t, http.StatusOK, s.Send(t, http.MethodHead, path, "").Status)
		}
		answer := s.Send(t, http.MethodGet, "/health", "")
		assert.Equal(t, http.StatusOK, answer.Status)
		assert.Contains(t, answer.Header.Get("Content-Type"), "application/json")
		var report map[string]any
		require.NoError(t, json.Unmarshal([]byte(answer.Body), &report))
		redisStatus, _ := report["redis_status"].(map[string]any)
		hostname, err := os.Hostname()
		require.NoError(t, err)
		assert.Equal(t, "ok", report["status"])
		assert.Equal(t, "agentstate", report["service"])
		assert.Equal(t, "staging", report["environment"])
		assert.Equal(t, hostname, report["hostname"])
		assert.Equal(t, versionOf(), report["version"])
		assert.InDelta(t, float64(time.Now().Unix()), report["timestamp"], 60)
		assert.Greater(t, report["uptime"], 0.0)
		assert.Less(t, report["uptime"], 600.0)
		assert.Equal(t, "healthy", redisStatus["status"])
		assert.NotEmpty(t, redisStatus["redis_version"])
		assert.Greater(t, redisStatus["connected_clients"], 0.0)
		assert.Regexp(t, `^\d+(\.\d+)?[BKMGT]$`, redisStatus["used_memory_human"])
		keyspace, _ := redisStatus["keyspace"].(map[string]any)
		db0, _ := keyspace["db0"].(map[string]any)
		assert.Greater(t, db0["keys"], 0.0)
		assert.NotContains(t, redisStatus, "error")

		var told struct {
			Health map[string]any
		}
		s.Must(t, `{ health { status service version environment hostname redis { status mode redisVersion usedMemoryHuman error warnings } } }`, nil, &told)
		h, r := told.Health, told.Health["redis"].(map[string]any)
		assert.Equal(t, "OK", h["status"])
		for _, same := range []string{"service", "version", "environment", "hostname"} {
			assert.Equal(t, report[same], h[same], same)
		}
		assert.Equal(t, "OK", r["status"])
		assert.Equal(t, redisStatus["redis_version"], r["redisVersion"])
		assert.Equal(t, redisStatus["mode"], r["mode"])
		assert.Nil(t, r["error"])
		if r["mode"] == "EMBEDDED" {
			assert.Contains(t, r["warnings"].([]any)[0], "memory", "that nothing is kept is said in health")
			assert.Contains(t, s.log.String(), "NO REDIS IS CONFIGURED", "and in the log")
		} else {
			assert.Equal(t, "STANDALONE", r["mode"])
			assert.NotContains(t, s.log.String(), "NO REDIS IS CONFIGURED")
		}
	}, "ENVIRONMENT=staging")
}

// TestHealthWarnsOfEviction: a Redis that may drop threads is degraded, not unavailable.
func TestHealthWarnsOfEviction(t *testing.T) {
	t.Parallel()
	own := redistest.Start(t, "--maxmemory-policy", "allkeys-lru")
	s := start(t, at(own.Addr())...)
	var told struct {
		Health struct {
			Status string
			Redis  struct {
				Status   string
				Warnings []string
			}
		}
	}
	s.Must(t, `{ health { status redis { status warnings } } }`, nil, &told)
	assert.Equal(t, "DEGRADED", told.Health.Status)
	assert.Equal(t, "DEGRADED", told.Health.Redis.Status)
	require.Len(t, told.Health.Redis.Warnings, 2, "this one, and that nothing is kept on disk")
	assert.Contains(t, told.Health.Redis.Warnings[0], "noeviction")
	assert.Equal(t, http.StatusOK, s.Send(t, http.MethodGet, "/readyz", "").Status)
	assert.Contains(t, s.Send(t, http.MethodGet, "/health", "").Body, `"status":"degraded"`)
}

// TestPagesOfTheServer: the playground is at the root, and what is nowhere is 404.
func TestPagesOfTheServer(t *testing.T) {
	t.Parallel()
	s := start(t)
	got := s.Send(t, http.MethodGet, "/", "")
	assert.Equal(t, http.StatusOK, got.Status)
	assert.Contains(t, got.Header.Get("Content-Type"), "text/html")
	got = s.Send(t, http.MethodGet, "/nowhere", "")
	assert.Equal(t, http.StatusNotFound, got.Status)
	assert.Equal(t, "NOT_FOUND", got.Errors(t)[0].Code())
	got = s.Send(t, http.MethodDelete, "/graphql", "")
	assert.Equal(t, http.StatusMethodNotAllowed, got.Status)
	assert.Equal(t, "GET, POST, OPTIONS", got.Header.Get("Allow"))
}
