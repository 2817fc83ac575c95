package store

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// trips is a hook of go-redis that notes what is sent to Redis, one entry for each round trip.
type trips struct {
	mu   sync.Mutex
	sent [][]string
}

func (c *trips) note(cmds ...redis.Cmder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	trip := make([]string, len(cmds))
	for i, cmd := range cmds {
		trip[i] = strings.TrimSuffix(fmt.Sprintln(cmd.Args()...), "\n")
	}
	c.sent = append(c.sent, trip)
}

func (c *trips) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (c *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.note(cmd)
		return next(ctx, cmd)
	}
}

func (c *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.note(cmds...)
		return next(ctx, cmds)
	}
}

// of gives the round trips of what do does.
func (c *trips) of(do func()) [][]string {
	c.mu.Lock()
	c.sent = nil
	c.mu.Unlock()
	do()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent
}

// sends gives the commands of all trips with a name.
func sends(trips [][]string, name string) []string {
	var found []string
	for _, cmd := range slices.Concat(trips...) {
		if first, _, _ := strings.Cut(cmd, " "); strings.EqualFold(first, name) {
			found = append(found, cmd)
		}
	}
	return found
}

func watch(s *Store) *trips {
	c := &trips{}
	s.rdb.AddHook(c)
	return c
}

func TestRoundTrips(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		counter := watch(s)
		ids := make([]string, 50)
		for i := range ids {
			ids[i] = fmt.Sprintf("t%d", i)
			mustCreate(t, th, ids[i], numbered(1, 30)...)
		}
		state := mustGet(t, th, "t0")
		pages := Read{Pages: []PageKey{
			MessagesOf(Range{First: 5}, nil), MessagesOf(Range{Last: 5}, nil),
			MessagesOf(Range{First: 5, After: Cursor{Epoch: state.Epoch, Seq: 10}.String(), Before: Cursor{Epoch: state.Epoch, Seq: 20}.String()}, nil),
			MessagesOf(Range{Last: 5, Before: Cursor{Epoch: state.Epoch, Seq: 20}.String()}, nil),
		}}
		lastOne := Read{Pages: []PageKey{MessagesOf(Range{Last: 1}, nil)}}
		n := 100
		for _, c := range []struct {
			name string
			// onCluster is how many more there may be on a cluster, where each bucket is a transaction of its own.
			want, onCluster int
			do              func() error
		}{
			{"Create", 1, 0, func() error { n++; _, err := th.Create(t.Context(), fmt.Sprint(n), Create{}, everything); return err }},
			{"Get with pages of all kinds", 1, 0, func() error { _, err := th.Get(t.Context(), "t0", pages); return err }},
			{"Get of nothing", 1, 0, func() error { _, _ = th.Get(t.Context(), "none", pages); return nil }},
			{"GetMany", 1, 15, func() error { _, err := th.GetMany(t.Context(), ids, lastOne); return err }},
			{"Append with a read", 1, 0, func() error {
				n++
				_, err := th.Append(t.Context(), "t0", Append{Messages: numbered(n, 1)}, &everything)
				return err
			}},
			{"Append of a batch", 1, 0, func() error {
				n += 500
				_, err := th.Append(t.Context(), "t1", Append{Messages: numbered(n, 500)}, nil)
				return err
			}},
			{"Update with a read", 1, 0, func() error { _, err := th.Update(t.Context(), "t0", Update{}, &everything); return err }},
			{"Delete", 1, 0, func() error { return th.Delete(t.Context(), "t49", nil) }},
			{"ExtendTTL", 1, 0, func() error { _, err := th.ExtendTTL(t.Context(), "t0", 5000); return err }},
			{"TTL", 1, 0, func() error { _, err := th.TTL(t.Context(), "t0"); return err }},
			{"Exists", 1, 0, func() error { _, err := th.Exists(t.Context(), "t0"); return err }},
			{"Message", 1, 0, func() error { _, err := th.Message(t.Context(), "t0", "m1"); return err }},
			{"Message that is not there", 1, 0, func() error { _, _ = th.Message(t.Context(), "t0", "none"); return nil }},
			{"After", 1, 0, func() error { _, _, err := th.After(t.Context(), "t0", Cursor{Epoch: state.Epoch}, 10); return err }},
			{"Heads", 1, 15, func() error { _, err := th.Heads(t.Context(), ids); return err }},
			{"Recent", 1, 0, func() error { _, err := th.Recent(t.Context(), 10); return err }},
			{"List", 1, 0, func() error { _, err := th.List(t.Context(), Filter{}, Range{First: 20}); return err }},
			{"IDs", 1, 0, func() error { _, err := th.IDs(t.Context(), "t*", Range{First: 20}); return err }},
			{"Count", 1, 0, func() error { _, err := th.Count(t.Context(), Filter{}); return err }},
			{"Count by a pattern", 1, 0, func() error { _, err := th.CountIDs(t.Context(), "t1*"); return err }},
			{"List by a prefix", 2, 0, func() error {
				_, err := th.List(t.Context(), Filter{ThreadIDPattern: "t1*"}, Range{First: 20})
				return err
			}},
		} {
			require.NoError(t, c.do(), c.name) // the first time Redis may not know the script
			if c.name == "Delete" {
				mustCreate(t, th, "t49")
			}
			var err error
			got := counter.of(func() { err = c.do() })
			require.NoError(t, err, c.name)
			if e.mode == Cluster && c.onCluster > 0 {
				assert.LessOrEqual(t, len(got), c.want+c.onCluster, c.name)
				continue
			}
			assert.Len(t, got, c.want, c.name)
		}
	})
}

func TestOnlyWhatIsAskedForIsRead(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		mustCreate(t, th, "one", numbered(1, 5)...)
		counter := watch(s)
		optional := []string{"context", "plan", "toolcalls", "metadata"}
		for i, r := range []Read{{Context: true}, {Plan: true}, {ToolCalls: true}, {Metadata: true}, {}} {
			sent := counter.of(func() {
				_, err := th.Get(t.Context(), "one", r)
				require.NoError(t, err)
			})
			assert.Empty(t, sends(sent, "lrange"), "no pages were asked for")
			record := sends(sent, "hmget")
			require.Len(t, record, 1)
			for j, name := range optional {
				assert.Equal(t, i == j, slices.Contains(strings.Fields(record[0]), name), "%s in %s", name, record[0])
			}
		}
		sent := counter.of(func() {
			_, err := th.Append(t.Context(), "one", Append{Messages: numbered(6, 1)}, nil)
			require.NoError(t, err)
		})
		assert.Empty(t, sends(sent, "hmget"), "a write without a read reads nothing")
	})
}

// A search by type begins in the round trip that reads the thread, and its further steps are shared by all threads of a list.
func TestRoundTripsOfSearchesByType(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		counter := watch(s)
		ids := make([]string, 50)
		for i := range ids {
			ids[i] = fmt.Sprintf("t%d", i)
			messages := numbered(1, 200)
			for j := range messages {
				if j%3 > 0 {
					messages[j].Type = AI
				}
			}
			messages[100+i].Type = Tool
			mustCreate(t, th, ids[i], messages...)
		}
		for _, c := range []struct {
			name  string
			r     Range
			types []MessageType
			trips int
			seq   func(i int) []int
		}{
			{"of one that is common", Range{Last: 1}, []MessageType{Human}, 1, func(int) []int { return nil }},
			{"of all", Range{Last: 4}, allTypes, 1, func(int) []int { return numberRange(197, 200) }},
			{"of one that is rare", Range{Last: 1}, []MessageType{Tool}, 3, func(i int) []int { return []int{101 + i} }},
			{"of one that is rare, forward", Range{First: 1}, []MessageType{Tool}, 3, func(i int) []int { return []int{101 + i} }},
			{"of one that there is not", Range{Last: 1}, []MessageType{System}, 1, func(int) []int { return []int{} }},
		} {
			key := MessagesOf(c.r, c.types)
			var states []*AgentState
			sent := counter.of(func() {
				var err error
				states, err = th.GetMany(t.Context(), ids, Read{Pages: []PageKey{key}})
				require.NoError(t, err)
			})
			if e.mode != Cluster { // there each bucket is a transaction of its own
				assert.Equal(t, c.trips, len(sent), c.name) //nolint:testifylint // Len would print all that was sent
			}
			require.Len(t, states, len(ids))
			for i, state := range states {
				page := state.Pages[key]
				require.NoError(t, page.Err)
				if want := c.seq(i); want != nil {
					assert.Equal(t, want, seqs(page.Messages), c.name)
				} else {
					assert.Len(t, page.Messages, 1, c.name)
				}
			}
		}
	})
}

// What an append and a read send does not grow with the thread.
func TestCostDoesNotGrowWithTheThread(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		counter := watch(s)
		cost := func(n int) (trips, bytes int) {
			sent := counter.of(func() {
				_, err := th.Append(t.Context(), "one", Append{Messages: []*Message{say(fmt.Sprintf("%05d", n), "x")}}, &Read{Pages: []PageKey{MessagesOf(Range{Last: 10}, nil)}})
				require.NoError(t, err)
			})
			return len(sent), len(fmt.Sprint(sent))
		}
		mustCreate(t, th, "one", numbered(1, 10)...)
		cost(1) // the script is known from here on
		trips10, bytes10 := cost(2)
		mustAppend(t, th, "one", numbered(11, 2000)...)
		trips2000, bytes2000 := cost(3)
		assert.Equal(t, trips10, trips2000)
		assert.Equal(t, bytes10, bytes2000)
	})
}

func TestAllPagesOfOneReadAreOfOneInstant(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		mustCreate(t, th, "one", numbered(1, 5)...)
		sent := watch(s).of(func() {
			_, err := th.Append(t.Context(), "one", Append{Messages: numbered(6, 1)}, &everything)
			require.NoError(t, err)
		})
		last := sent[len(sent)-1]
		if e.mode != Cluster { // there the hook does not see the brackets
			assert.Equal(t, []string{"multi", "exec"}, []string{last[0], last[len(last)-1]}, "the script and the reads are one transaction")
		}
		assert.Len(t, append(sends(sent[len(sent)-1:], "evalsha"), sends(sent[len(sent)-1:], "eval")...), 1)
		assert.Len(t, sends(sent[len(sent)-1:], "lrange"), 1)
	})
}
