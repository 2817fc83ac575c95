package main

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

// TestHealthCostsRedisNothing floods what anybody may ask, and counts what Redis was asked: a PING in a second, and no INFO, which is
// for who hears of it; and one of that in a second, too.
func TestHealthCostsRedisNothing(t *testing.T) {
	t.Parallel()
	own := redistest.Start(t)
	path := tokensFile(t, [4]string{"ann", "read,admin", "never", "ann"})
	s := start(t, append(at(own.Addr()), "AUTH_MODE=tokens", "AUTH_TOKENS_FILE="+path)...)
	rdb := own.Client()
	// asked floods, and gives how often Redis was asked each of both, and how many seconds it took.
	asked := func(paths []string, header ...string) (pings, infos, seconds int) {
		require.NoError(t, rdb.ConfigResetStat(context.Background()).Err())
		began := time.Now()
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				for i := range 50 {
					assert.Equal(t, http.StatusOK, s.Send(t, http.MethodGet, paths[i%len(paths)], "", header...).Status)
				}
			})
		}
		all.Wait()
		stats, err := rdb.Info(context.Background(), "commandstats").Result()
		require.NoError(t, err)
		return calls(stats, "ping"), calls(stats, "info"), int(time.Since(began).Seconds())
	}
	pings, infos, seconds := asked([]string{"/health", "/readyz"})
	assert.Positive(t, pings)
	assert.LessOrEqual(t, pings, seconds+2)
	assert.Zero(t, infos)

	pings, infos, seconds = asked([]string{"/health"}, "Authorization", "Bearer ann")
	assert.Positive(t, infos)
	assert.LessOrEqual(t, infos, seconds+2)
	assert.LessOrEqual(t, pings, seconds+2)
}

// calls reads from INFO commandstats how often a command was called.
func calls(stats, command string) int {
	found := regexp.MustCompile(`cmdstat_` + command + `:calls=(\d+)`).FindStringSubmatch(stats)
	if found == nil {
		return 0
	}
	n, _ := strconv.Atoi(found[1]) // digits
	return n
}
