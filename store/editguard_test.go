package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A change of a message that has been trimmed since comes without it, and not with another one.
func TestEditsOfTrimmedMessages(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t, func(o *Options) { o.MaxThreadMessages, o.Trim = 4, true }).For("ann")
		begin, err := ParseEditCursor(mustCreate(t, th, "one", numbered(1, 4)...).EditCursor())
		require.NoError(t, err)
		mustEdit(t, th, "one", Put(say("m1", "new")), Put(say("m4", "new")))
		mustAppend(t, th, "one", numbered(5, 2)...)
		edits, _, err := th.EditsAfter(t.Context(), "one", begin, 10)
		require.NoError(t, err)
		require.Len(t, edits, 2)
		assert.Nil(t, edits[0].Message)
		assert.Equal(t, "m4", edits[1].Message.MessageID)
	})
}

// A thread that is longer than the limit of today allows loses nothing when one of its messages is changed.
func TestEditBeyondALoweredLimit(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		mustCreate(t, s.For("ann"), "one", numbered(1, 9)...)
		for _, trim := range []bool{false, true} {
			th := twin(t, s, func(o *Options) { o.MaxThreadMessages, o.Trim = 3, trim }).For("ann")
			got := mustEdit(t, th, "one", Put(say("m5", fmt.Sprint("trim ", trim))))
			assert.Equal(t, 9, got.State.MessageCounts.Total)
		}
	})
}

// No key of a thread is without an expiry, whatever comes and goes.
func TestEditKeepsExpiries(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		again := []Step{Put(say("m1", "x")), Put(say("m2", "x"))}
		for i, empty := range [][]Step{{Remove("m1"), Remove("m2")}, {TruncateAfter(0)}, {TruncateAfter(1), Remove("m1")}} {
			for j, fill := range []func(id string){
				func(id string) { mustAppend(t, th, id, numbered(1, 2)...) },
				func(id string) { mustEdit(t, th, id, again...) },
				func(id string) { mustEdit(t, th, id, append([]Step{TruncateAfter(0)}, again...)...) },
			} {
				id := fmt.Sprint(i, j)
				keys := th.keysOf(id)
				mustCreate(t, th, id, numbered(1, 2)...)
				for _, change := range []func(){func() { mustEdit(t, th, id, empty...) }, func() { fill(id) }} {
					change()
					for _, key := range []string{keys.record, keys.messages, keys.ids, keys.edits} {
						ttl, err := s.rdb.PTTL(t.Context(), key).Result()
						require.NoError(t, err)
						assert.NotEqual(t, time.Duration(-1), ttl, "%s %s", id, key)
					}
				}
			}
		}
		assertSound(t, s)
	})
}

// Of several steps for one message the last one says whether it has changed.
func TestEditCountsUnchanged(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		for i, c := range []struct {
			steps []Step
			want  int
		}{
			{[]Step{Put(say("m1", "text 1")), Put(say("m1", "new"))}, 0},
			{[]Step{Put(say("m1", "new")), Put(say("m1", "text 1"))}, 2},
			{[]Step{Put(say("m1", "text 1")), Remove("m1")}, 0},
			{[]Step{Remove("m1"), Put(say("m1", "text 1")), Put(say("m2", "text 2"))}, 2},
			{[]Step{Put(say("m9", "x")), Put(say("m9", "x"))}, 0},
		} {
			id := fmt.Sprint(i)
			mustCreate(t, th, id, numbered(1, 3)...)
			assert.Equal(t, c.want, mustEdit(t, th, id, c.steps...).Unchanged, i)
		}
	})
}

// A doctor who counts the messages of a thread while some are deleted, changed and trimmed mends nothing that is right.
func TestDoctorAmongEditors(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		for name, c := range map[string]struct {
			trim   bool
			change func(th *Threads)
		}{
			"deleted": {false, func(th *Threads) { mustEdit(t, th, "one", Remove("m7"), Remove("m240")) }},
			"changed": {false, func(th *Threads) { mustEdit(t, th, "one", Put(speak(AI, "m7", "new"))) }},
			"trimmed": {true, func(th *Threads) { mustAppend(t, th, "one", numbered(1000, 10)...) }},
			"shed":    {false, func(th *Threads) { mustEdit(t, th, "one", Remove("m1"), Remove("m2")) }},
		} {
			for _, at := range []int{2, 3} { // ahead of which step that happens
				s := e.open(t, func(o *Options) { o.MaxThreadMessages, o.Trim = 250, c.trim })
				th := s.For("ann")
				mustCreate(t, th, "one", numbered(1, 250)...)
				d := &doctor{s: s, Examination: Examination{Fix: true, Deep: true}, report: &Report{}}
				steps := 0
				s.rdb.AddHook(before{"examinemessages", func() {
					if steps++; steps == at {
						c.change(s.For("ann"))
					}
				}})
				require.NoError(t, d.examineMessages(t.Context(), messagesOf{
					name: threadName{owner: "ann", id: "one"}, epoch: string(mustGet(t, th, "one").Epoch),
				}))
				assert.Empty(t, d.list(), "%s %d", name, at)
				assertSound(t, s)
			}
		}
	})
}

// before is a hook of go-redis that does something ahead of each run of a script.
type before struct {
	script string
	do     func()
}

func (b before) DialHook(next redis.DialHook) redis.DialHook { return next }

func (b before) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if run, ok := cmd.(scriptCmd); ok && run.name == b.script {
			b.do()
		}
		return next(ctx, cmd)
	}
}

func (b before) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
