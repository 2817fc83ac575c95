package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// meddler is a hook of go-redis that does something right ahead of a round trip which has a certain command.
type meddler struct {
	trips

	// before counts down the round trips with the command; at 0 do is done.
	command string
	before  atomic.Int32
	do      func()
}

// meddle does something ahead of the nth round trip from now on that has a command.
func meddle(s *Store, nth int, command string, do func()) *meddler {
	m := &meddler{command: command, do: do}
	m.before.Store(int32(nth))
	s.rdb.AddHook(m)
	return m
}

func (m *meddler) look(cmds ...redis.Cmder) {
	has := slices.ContainsFunc(cmds, func(c redis.Cmder) bool { return strings.EqualFold(c.Name(), m.command) })
	if has && m.before.Add(-1) == 0 {
		m.do()
	}
}

func (m *meddler) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		m.look(cmd)
		return next(ctx, cmd)
	}
}

func (m *meddler) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		m.look(cmds...)
		return next(ctx, cmds)
	}
}

// A page of a trimmed thread takes a second round trip. What happens between the two must not leave a gap unsaid.
func TestAThreadThatMovesOnWhileAPageIsRead(t *testing.T) {
	for _, types := range [][]MessageType{nil, {Human}} {
		name := "all types"
		if types != nil {
			name = "one type"
		}
		t.Run(name, func(t *testing.T) {
			onEveryEngine(t, func(t *testing.T, e engine) { testMovesOn(t, e, types) })
		})
	}
}

func testMovesOn(t *testing.T, e engine, types []MessageType) {
	t.Helper()
	for _, c := range []struct {
		name    string
		do      func(t *testing.T, th *Threads)
		want    []int
		expired bool
	}{
		{"nothing", func(*testing.T, *Threads) {}, numberRange(26, 30), false},
		{"trimmed up to it", func(t *testing.T, th *Threads) { t.Helper(); mustAppend(t, th, "one", numbered(41, 5)...) }, numberRange(26, 30), false},
		{"trimmed up to it, twice", func(t *testing.T, th *Threads) {
			t.Helper()
			mustAppend(t, th, "one", say(fmt.Sprint(mustGet(t, th, "one").Seq), "x"))
		}, numberRange(26, 30), false},
		{"trimmed into it", func(t *testing.T, th *Threads) { t.Helper(); mustAppend(t, th, "one", numbered(41, 7)...) }, nil, true},
		{"trimmed beyond it", func(t *testing.T, th *Threads) { t.Helper(); mustAppend(t, th, "one", numbered(41, 20)...) }, nil, true},
		{"deleted", func(t *testing.T, th *Threads) { t.Helper(); require.NoError(t, th.Delete(t.Context(), "one", nil)) }, nil, true},
		{"deleted and made anew", func(t *testing.T, th *Threads) {
			t.Helper()
			require.NoError(t, th.Delete(t.Context(), "one", nil))
			mustAppend(t, th, "one", numbered(1, 20)...)
			mustAppend(t, th, "one", numbered(21, 20)...)
		}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := e.open(t, func(o *Options) { o.MaxThreadMessages, o.Trim = 20, true })
			other := twin(t, s).For("ann")
			mustCreate(t, other, "one", numbered(1, 20)...)
			epoch := mustAppend(t, other, "one", numbered(21, 20)...).State.Epoch
			const second = 2 // the first LRANGE comes with the record
			m := meddle(s, second, "lrange", func() { c.do(t, other) })
			if strings.HasSuffix(c.name, "twice") {
				m = meddle(s, second+1, "lrange", func() { c.do(t, other) })
			}
			page := readPage(t, s.For("ann"), "one", Range{First: 5, After: Cursor{Epoch: epoch, Seq: 25}.String()}, types...)
			require.LessOrEqual(t, m.before.Load(), int32(0), "it was meddled with")
			if c.expired {
				var expired *CursorExpiredError
				require.ErrorAs(t, page.Err, &expired)
				assert.Empty(t, page.Messages)
				if state, err := other.Get(t.Context(), "one", Read{}); err == nil {
					assert.Equal(t, Cursor{Epoch: state.Epoch, Seq: state.Base}, expired.Oldest)
				}
				return
			}
			require.NoError(t, page.Err)
			assert.Equal(t, c.want, seqs(page.Messages))
		})
	}
}

// A search by type goes backward while the thread is trimmed under it: it ends with what there is, and reads nothing that is not of it.
func TestABackwardSearchOfATrimmedThread(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t, func(o *Options) { o.MaxThreadMessages, o.Trim = 3000, true })
		other := twin(t, s).For("ann")
		first := numbered(1, 3000)
		first[10].Type = Tool // far away, and gone when the search comes there
		mustCreate(t, other, "one", first[:1500]...)
		mustAppend(t, other, "one", first[1500:]...)
		meddle(s, 3, "lrange", func() { mustAppend(t, other, "one", numbered(3001, 2900)...) })
		counter := watch(s)
		var page *MessagePage
		sent := counter.of(func() { page = readPage(t, s.For("ann"), "one", Range{Last: 1}, Tool) })
		require.NoError(t, page.Err)
		assert.Empty(t, page.Messages)
		for _, command := range sends(sent, "lrange")[1:] {
			fields := strings.Fields(command)
			assert.NotContains(t, fields[len(fields)-1], "-", command)
		}
	})
}
