package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// BenchmarkEditing measures what the editing of a long thread costs: how long it takes, how much of Redis' time it takes in all, and
// for how long at once nobody else is served. It is run by hand, for the table in docs/operations.md:
//
//	go test -run '^$' -bench Editing -benchtime 5x ./store
func BenchmarkEditing(b *testing.B) {
	s := engines[1].open(b, func(o *Options) { o.MaxThreadMessages = 200_000 })
	th := s.For("ann")
	for _, n := range []int{100, 10_000, 100_000} {
		for _, c := range []struct {
			name string
			do   func(id string) error
		}{
			{"truncate all", func(id string) error {
				_, err := th.Edit(b.Context(), id, Edit{Steps: []Step{TruncateAfter(0)}}, nil)
				return err
			}},
			{"truncate half", func(id string) error {
				_, err := th.Edit(b.Context(), id, Edit{Steps: []Step{TruncateAfter(n / 2)}}, nil)
				return err
			}},
			{"truncate ten", func(id string) error {
				_, err := th.Edit(b.Context(), id, Edit{Steps: []Step{TruncateAfter(n - 10)}}, nil)
				return err
			}},
			{"delete one", func(id string) error {
				_, err := th.Edit(b.Context(), id, Edit{Steps: []Step{Remove(fmt.Sprint("m", n/2))}}, nil)
				return err
			}},
			{"delete 500", func(id string) error {
				var steps []Step
				for i := range min(n, 500) {
					steps = append(steps, Remove(fmt.Sprint("m", 1+i*n/min(n, 500))))
				}
				_, err := th.Edit(b.Context(), id, Edit{Steps: steps}, nil)
				return err
			}},
			{"fork", func(id string) error {
				_, err := th.Fork(b.Context(), id, "fork of "+id, Fork{}, nil)
				return err
			}},
			{"delete the thread", func(id string) error { return th.Delete(b.Context(), id, nil) }},
		} {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				var total, longest, wall time.Duration
				for i := range b.N {
					b.StopTimer()
					id := fmt.Sprint(c.name, " ", n, " ", i)
					fillLong(b, th, id, n)
					rdb := s.rdb.(*redis.Client)
					require.NoError(b, rdb.ConfigSet(b.Context(), "slowlog-max-len", "100000").Err())
					require.NoError(b, rdb.ConfigSet(b.Context(), "slowlog-log-slower-than", "0").Err())
					require.NoError(b, rdb.Do(b.Context(), "slowlog", "reset").Err())
					b.StartTimer()
					began := time.Now()
					require.NoError(b, c.do(id))
					wall += time.Since(began)
					b.StopTimer()
					logs, err := rdb.SlowLogGet(b.Context(), -1).Result()
					require.NoError(b, err)
					require.NoError(b, rdb.ConfigSet(b.Context(), "slowlog-log-slower-than", "-1").Err())
					for _, l := range logs {
						if l.Args[0] == "slowlog" || l.Args[0] == "config" {
							continue
						}
						total += l.Duration
						longest = max(longest, l.Duration)
					}
					_ = th.Delete(b.Context(), id, nil)
					_ = th.Delete(b.Context(), "fork of "+id, nil)
				}
				b.ReportMetric(wall.Seconds()*1e3/float64(b.N), "wall-ms")
				b.ReportMetric(total.Seconds()*1e3/float64(b.N), "redis-ms")
				b.ReportMetric(longest.Seconds()*1e3, "longest-ms")
			})
		}
	}
}

// fillLong makes a thread of n messages of some 560 bytes.
func fillLong(tb testing.TB, th *Threads, id string, n int) {
	tb.Helper()
	text := strings.Repeat("x", 520)
	for from := 1; from <= n; from += 1000 {
		var batch []*Message
		for i := from; i < from+1000 && i <= n; i++ {
			batch = append(batch, say(fmt.Sprint("m", i), text))
		}
		_, err := th.Append(tb.Context(), id, Append{Messages: batch, CreateIfMissing: true}, nil)
		require.NoError(tb, err)
	}
}
