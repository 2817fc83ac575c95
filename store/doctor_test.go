package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

// examine lets the doctor look at the Redis of a store, as another process would.
func examine(tb testing.TB, s *Store, e Examination) *Report {
	tb.Helper()
	opts := s.opts
	if s.embedded != nil {
		opts.Connection.Addrs, opts.Connection.Password = []string{s.embedded.addr()}, s.embedded.password
	}
	var d *doctor
	if s.embedded == nil {
		report, err := Examine(tb.Context(), opts, e)
		require.NoError(tb, err)
		return report
	}
	// The embedded Redis has no INFO; what is about threads works on it too.
	twin := openWith(tb, opts)
	d = &doctor{s: twin, Examination: e, report: &Report{}}
	require.NoError(tb, d.placeBuckets(tb.Context()))
	require.NoError(tb, d.examineKeys(tb.Context()))
	require.NoError(tb, d.mendLayout(tb.Context()))
	d.report.Findings = d.list()
	return d.report
}

// told gives the codes of findings about threads as "code count/fixed", without those about the servers of the tests, which keep
// nothing on disk and have no replicas.
func told(r *Report) []string {
	var codes []string
	for _, f := range r.Findings {
		if !slices.Contains([]string{"persistence-off", "no-replica"}, f.Code) {
			codes = append(codes, fmt.Sprintf("%s %d/%d", f.Code, f.Count, f.Fixed))
		}
	}
	slices.Sort(codes)
	return codes
}

// damages are what may be wrong about a thread with three messages, and what the doctor says of it.
var damages = map[string]struct {
	harm func(ctx context.Context, pipe redis.Pipeliner, k threadKeys)
	want []string
	// gone tells that nothing is left of the thread, unmended that it cannot be repaired.
	gone, unmended bool
}{
	"nothing": {harm: func(context.Context, redis.Pipeliner, threadKeys) {}},
	"not in the index by update": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) { pipe.ZRem(ctx, k.updated, "one") },
		want: []string{"index-updated"},
	},
	"elsewhere in the index by update": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) { pipe.ZIncrBy(ctx, k.updated, -1, "one") },
		want: []string{"index-updated"},
	},
	"not in the index by expiry": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) { pipe.ZRem(ctx, k.expires, "one") },
		want: []string{"index-expires"},
	},
	"elsewhere in the index by expiry": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) {
			pipe.ZAdd(ctx, k.expires, redis.Z{Score: 1, Member: "one"})
		},
		want: []string{"index-expires"},
	},
	"not in the index by id": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) { pipe.ZRem(ctx, k.byID, "one") },
		want: []string{"index-id"},
	},
	"with a score in the index by id": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) { pipe.ZIncrBy(ctx, k.byID, 1, "one") },
		want: []string{"index-id"},
	},
	"of an owner who is not listed": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) { pipe.SRem(ctx, k.owners, "ann") },
		want: []string{"owner"},
	},
	"without an expiry": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) { pipe.Persist(ctx, k.messages) },
		want: []string{"ttl"},
	},
	"with an early expiry": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) { pipe.Expire(ctx, k.ids, time.Hour) },
		want: []string{"ttl"},
	},
	"without its first message": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) { pipe.LPop(ctx, k.messages) },
		want: []string{"message-counts", "message-ids", "messages-lost"},
	},
	"without its last message": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) { pipe.RPop(ctx, k.messages) },
		want: []string{"message-counts", "message-ids", "messages-lost"},
	},
	"without its messages": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) { pipe.Del(ctx, k.messages) },
		want: []string{"message-counts", "message-ids", "messages-lost"},
	},
	"without a message in the middle": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) {
			pipe.LSet(ctx, k.messages, 1, "gone")
			pipe.LRem(ctx, k.messages, 1, "gone")
		},
		want: []string{"malformed"}, unmended: true,
	},
	"without its ids": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) { pipe.Del(ctx, k.ids) },
		want: []string{"message-ids"},
	},
	"with an id too many": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) { pipe.HSet(ctx, k.ids, "m9", 2) },
		want: []string{"message-ids"},
	},
	"with wrong counts": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) { pipe.HIncrBy(ctx, k.record, "A", 1) },
		want: []string{"message-counts"},
	},
	"without its record": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) { pipe.Del(ctx, k.record) },
		want: []string{"leftover"}, gone: true,
	},
	"without all but its messages": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) {
			pipe.Del(ctx, k.record, k.ids, k.updated, k.expires, k.byID)
		},
		want: []string{"empty-owner", "leftover"}, gone: true,
	},
	"without all but an index": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) {
			pipe.Del(ctx, k.record, k.ids, k.messages, k.expires, k.byID)
		},
		want: []string{"leftover"}, gone: true,
	},
	"expired long ago": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) {
			pipe.HSet(ctx, k.record, "expires", 1)
			pipe.ZAdd(ctx, k.expires, redis.Z{Score: 1, Member: "one"})
		},
		want: []string{"unswept"}, gone: true,
	},
	"expired, and nobody knows": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) { pipe.HSet(ctx, k.record, "expires", 1) },
		want: []string{"unswept"}, gone: true,
	},
	"with a record that is none": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) { pipe.HSet(ctx, k.record, "seq", "x") },
		want: []string{"malformed"}, unmended: true,
	},
	"with a record of another type": {
		harm: func(ctx context.Context, pipe redis.Pipeliner, k threadKeys) {
			pipe.Del(ctx, k.record)
			pipe.Set(ctx, k.record, "x", 0)
		},
		want: []string{"malformed"}, unmended: true,
	},
}

// Each kind of damage is found, is there still after a look, and is gone after a repair; then the thread works as it did.
func TestDoctor(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		for name, damage := range damages {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := e.open(t)
				th := s.For("ann")
				mustCreate(t, th, "one", numbered(1, 3)...)
				mustCreate(t, s.For("b:b%"), "another:{thread}", numbered(1, 2)...)
				_, err := s.rdb.TxPipelined(t.Context(), func(pipe redis.Pipeliner) error {
					damage.harm(t.Context(), pipe, th.keysOf("one"))
					return nil
				})
				require.NoError(t, err)
				var found []string
				for range 2 {
					report := examine(t, s, Examination{Deep: true})
					found = told(report)
					for i, code := range found {
						found[i], _, _ = strings.Cut(code, " 1/0")
					}
					want := damage.want
					if slices.Contains(want, "messages-lost") { // the others are found when these are mended
						want = []string{"messages-lost"}
					}
					assert.ElementsMatch(t, want, found)
					for _, f := range report.Findings {
						if slices.Contains(found, f.Code) {
							assert.Contains(t, []string{`"ann" "one"`, `"ann"`}, f.Examples[0])
							assert.NotEmpty(t, f.Text)
						}
					}
				}
				report := examine(t, s, Examination{Fix: true})
				for _, f := range report.Findings {
					if slices.Contains(damage.want, f.Code) {
						assert.Equal(t, !damage.unmended, f.Count == f.Fixed, f.Code)
					}
				}
				if damage.unmended {
					return
				}
				assert.Empty(t, told(examine(t, s, Examination{Deep: true})))
				if damage.gone {
					assert.Len(t, allKeys(t, s), 7, "of the other thread")
				} else {
					whole(t, th)
				}
			})
		}
	})
}

// whole checks that a thread is listed, counted and written to as if nothing had been.
func whole(t *testing.T, th *Threads) {
	t.Helper()
	ids, err := th.Recent(t.Context(), 10)
	require.NoError(t, err)
	assert.Equal(t, []string{"one"}, ids)
	n, err := th.CountIDs(t.Context(), "o*")
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	before := mustGet(t, th, "one")
	messages := before.Pages[allMessages].Messages
	assert.Len(t, messages, before.MessageCounts.Total)
	assert.Equal(t, before.MessageCounts.Total, before.MessageCounts.Human)
	again := []*Message{say("new", "new")}
	for _, m := range messages {
		again = append(again, numbered(m.Seq, 1)...)
	}
	appended := mustAppend(t, th, "one", again...)
	assert.Equal(t, len(messages), appended.Duplicates)
	assert.Equal(t, before.Seq+1, appended.State.Seq)
	for _, m := range messages {
		got, err := th.Message(t.Context(), "one", m.MessageID)
		require.NoError(t, err)
		assert.Equal(t, m.Seq, got.Seq)
	}
}

// A long thread is gone through in steps.
func TestDoctorOfALongThread(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		const n = 5 * messageStep / 2
		mustAppend(t, th, "one", numbered(1, n)...)
		keys := th.keysOf("one")
		require.NoError(t, s.rdb.Del(t.Context(), keys.ids).Err())
		require.NoError(t, s.rdb.HSet(t.Context(), keys.ids, "m7", 8, "m240", 240, "stray", 300, "odd", "x").Err())
		require.NoError(t, s.rdb.HSet(t.Context(), keys.record, "H", 1, "T", 7).Err())
		report := examine(t, s, Examination{Fix: true})
		assert.Equal(t, []string{"message-counts 1/1", "message-ids 1/1", "ttl 1/1"}, told(report))
		assert.EqualValues(t, n, report.Examined.Messages)
		assert.Empty(t, told(examine(t, s, Examination{Deep: true})))
		stored, err := s.rdb.HGetAll(t.Context(), keys.ids).Result()
		require.NoError(t, err)
		assert.Len(t, stored, n)
		assert.Equal(t, "7", stored["m7"])
		assert.Equal(t, n, mustGet(t, th, "one").MessageCounts.Human)
		ttl, err := s.rdb.PTTL(t.Context(), keys.ids).Result()
		require.NoError(t, err)
		assert.Positive(t, ttl)
	})
}

// A doctor who repairs while others write, trim and delete finds nothing, and loses nothing.
func TestDoctorAmongWriters(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t, func(o *Options) { o.MaxThreadMessages, o.Trim = 40, true })
		ctx, cancel := context.WithCancel(t.Context())
		var writers sync.WaitGroup
		for w := range 3 {
			th := s.For(fmt.Sprintf("owner%d", w))
			mustAppend(t, th, "kept", say("first", "x"))
			writers.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					_, _ = th.Append(ctx, "kept", Append{Messages: []*Message{say(fmt.Sprintf("m%d", i), "x"), speak(AI, fmt.Sprintf("a%d", i), "y")}}, nil)
					_, _ = th.Create(ctx, "fleeting", Create{Messages: numbered(1, 3)}, Read{})
					_ = th.Delete(ctx, "fleeting", nil)
				}
			})
		}
		for range 5 {
			assert.Empty(t, told(examine(t, s, Examination{Fix: true, Deep: true})))
		}
		cancel()
		writers.Wait()
		assert.Empty(t, told(examine(t, s, Examination{Deep: true})))
	})
}

// The doctor looks at what is there, whatever is configured, and says how to agree with it.
func TestDoctorOfAnotherLayout(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		if e.mode == Embedded {
			return // it has no other process with another configuration
		}
		s := e.open(t, withBuckets(4))
		mustCreate(t, s.For("ann"), "one")
		opts := s.opts
		opts.Buckets = 16
		report, err := Examine(t.Context(), opts, Examination{Fix: true})
		require.NoError(t, err)
		assert.Equal(t, []string{"layout 1/0"}, told(report))
		assert.Equal(t, e.layout(4), report.Layout.String())
		assert.EqualValues(t, 1, report.Examined.Threads)
		assert.False(t, report.Healthy())

		require.NoError(t, s.rdb.Set(t.Context(), s.keys.layout(), "layout=1 buckets=8", 0).Err())
		report = examine(t, s, Examination{})
		assert.Contains(t, told(report)[len(told(report))-1], "other-buckets")

		require.NoError(t, s.rdb.Del(t.Context(), s.keys.layout()).Err())
		assert.Equal(t, []string{"layout-missing 1/0"}, told(examine(t, s, Examination{})))
		assert.Equal(t, []string{"layout-missing 1/1"}, told(examine(t, s, Examination{Fix: true})))
		assert.Empty(t, told(examine(t, s, Examination{})))
	})
}

func TestDoctorReports(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		if e.mode == Embedded {
			return // it tells nothing of itself
		}
		s := e.open(t)
		const threads = 300
		for i := range threads {
			mustCreate(t, s.For("ann"), fmt.Sprintf("t%d", i), numbered(1, 1)...)
		}
		var done []int64
		report := examine(t, s, Examination{Deep: true, Progress: func(n, total int64) {
			done = append(done, n)
			assert.Positive(t, total)
		}})
		assert.EqualValues(t, threads, report.Examined.Threads)
		assert.EqualValues(t, threads, report.Examined.Messages)
		assert.EqualValues(t, 3*threads, report.Examined.Entries)
		assert.True(t, slices.IsSorted(done))
		assert.Equal(t, report.Examined.Keys, done[len(done)-1])
		sum := int64(0)
		for _, b := range report.Buckets {
			sum += b.Threads
			assert.Equal(t, e.mode == Cluster, b.Node != "")
		}
		assert.EqualValues(t, threads, sum)
		require.Len(t, report.Nodes, map[RedisMode]int{Standalone: 1, Cluster: 3, Sentinel: 1}[e.mode])
		for _, n := range report.Nodes {
			assert.NotEmpty(t, n.Version)
			assert.Equal(t, []string{"master", "noeviction", "off"}, []string{n.Role, n.Policy, n.Persistence})
			assert.Positive(t, n.UsedMemory)
		}
	})
}

func TestDoctorThatCannotLook(t *testing.T) {
	t.Parallel()
	_, err := Examine(t.Context(), DefaultOptions(), Examination{})
	require.ErrorContains(t, err, "name a Redis")
	server := redistest.Start(t)
	opts := DefaultOptions()
	opts.Connection.Addrs = []string{server.Addr()}
	server.Kill()
	_, err = Examine(t.Context(), opts, Examination{})
	require.ErrorIs(t, err, ErrUnavailable)
}

func TestParseKeys(t *testing.T) {
	t.Parallel()
	k := newKeyspace("p:*", DefaultBuckets)
	for _, stranger := range strangers {
		for _, id := range append(strangeIDs, stranger.id) {
			keys := k.thread(stranger.owner, id)
			for kind, key := range map[string]string{"t": keys.record, "m": keys.messages, "i": keys.ids} {
				found, ok := k.parse(key)
				assert.True(t, ok)
				assert.Equal(t, foundKey{keys.bucket, kind, stranger.owner, id}, found)
			}
			found, ok := k.parse(keys.updated)
			assert.True(t, ok)
			assert.Equal(t, foundKey{bucket: keys.bucket, kind: "u", owner: stranger.owner}, found)
		}
	}
	for _, key := range []string{"", "p", "p:*:layout", "p:*:q:abc", "p:x:{04s}:t:a:b", "p:*:{04s:t:a:b", "p:*:{04s}:t:a"} {
		_, ok := k.parse(key)
		assert.False(t, ok, key)
	}
	found, ok := k.parse("p:*:{zzz}:t:a:b")
	assert.True(t, ok)
	assert.Equal(t, -1, found.bucket)
}
