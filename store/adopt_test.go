package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// oldText is a document as the replaced service wrote it, with n messages behind those of its first line.
func oldText(id string, n int) string {
	var messages strings.Builder
	for i := range n {
		fmt.Fprintf(&messages, `, {"message_type": "human", "content": "text %d", "timestamp": "2026-11-01T10:01:%02d.5", "metadata": null}`, i, i%60)
	}
	return fmt.Sprintf(`{"thread_id": %q, "messages": [
		{"message_type": "human", "content": "h\u00e9llo <b>", "timestamp": "2026-11-01T10:00:00.123456", "metadata": {"big": 12345678901234567890, "pi": 3.14159265358979312, "n": null}},
		{"message_type": "ai", "content": [{"type": "text", "text": "hi"}, {"x": 1.10}], "timestamp": "2026-11-01T12:00:01+02:00"},
		{"message_type": "router", "content": "", "timestamp": null, "metadata": {}}%s],
		"message_counts": {"message_count": 3, "human_messages": 1, "ai_messages": 1}, "reduced_context": {"context": "so far"},
		"relevant": true, "plan": [{"plan_id": "p1", "subtasks": ["a", "b"]}],
		"tool_calls": [{"tool_id": "t1", "plan_id": "p1", "tool": "search", "parameters": {"q": 1e400}, "tool_response": [1]},
			{"tool_id": "t2", "plan_id": null, "tool": "wait", "parameters": {}, "tool_response": null}],
		"created_at": "2026-11-01T09:59:59.000001", "last_updated": "2026-11-01T10:00:02+00:00", "ttl_seconds": 7200}`, id, messages.String())
}

// adopting turns adoption on, without a look in the background.
func adopting(o *Options) { o.Adopt = Adopt{Enabled: true} }

func putOld(tb testing.TB, s *Store, id, text string, ttl time.Duration) {
	tb.Helper()
	require.NoError(tb, s.rdb.Set(tb.Context(), s.keys.oldKey(id), text, ttl).Err())
}

func TestAdopt(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t, adopting)
		th := s.For("")
		putOld(t, s, "a:b{c}", oldText("a:b{c}", 0), time.Hour)
		before := redisTime(t, s)
		state := mustGet(t, th, "a:b{c}")
		assert.WithinDuration(t, before.Add(time.Hour), state.ExpiresAt, 5*time.Second, "the document's remaining time")
		assert.Equal(t, 7200, state.TTLSeconds)
		assert.Equal(t, "2026-11-01T09:59:59.000001Z", state.CreatedAt.Format(time.RFC3339Nano))
		assert.Equal(t, "2026-11-01T10:00:02Z", state.LastUpdated.Format(time.RFC3339Nano))
		assert.Equal(t, MessageCounts{Total: 3, Human: 1, Ai: 1, Other: 1}, state.MessageCounts)
		assert.True(t, state.Relevant)
		assert.Equal(t, "so far", state.Context)
		assert.Equal(t, 1, state.Version)
		require.Len(t, state.Plan, 1)
		assert.Equal(t, []string{"a", "b"}, state.Plan[0].Subtasks)
		require.Len(t, state.ToolCalls, 2)
		assert.Equal(t, `{"q":1e400}`, string(state.ToolCalls[0].Parameters))
		assert.Equal(t, "p1", *state.ToolCalls[0].PlanID)
		assert.Nil(t, state.ToolCalls[1].ToolResponse)

		messages := state.Pages[allMessages].Messages
		assert.Equal(t, []string{OldMessageID("a:b{c}", 0), OldMessageID("a:b{c}", 1), OldMessageID("a:b{c}", 2)}, messageIDs(messages))
		assert.Equal(t, `"héllo <b>"`, string(messages[0].Content))
		assert.Equal(t, `{"big":12345678901234567890,"pi":3.14159265358979312,"n":null}`, string(messages[0].Metadata), "digits are kept")
		assert.Equal(t, "2026-11-01T10:00:00.123456Z", messages[0].Timestamp.Format(time.RFC3339Nano))
		assert.Equal(t, `[{"type":"text","text":"hi"},{"x":1.10}]`, string(messages[1].Content))
		assert.Equal(t, "2026-11-01T10:00:01Z", messages[1].Timestamp.Format(time.RFC3339Nano))
		assert.Equal(t, Other, messages[2].Type)
		assert.Equal(t, `{"message_type":"router"}`, string(messages[2].ResponseMetadata))
		assert.Equal(t, messages[1].Timestamp, messages[2].Timestamp)

		assert.Zero(t, s.rdb.Exists(t.Context(), s.keys.oldKey("a:b{c}")).Val(), "the document is gone")
		page, err := th.IDs(t.Context(), "*", Range{First: 10})
		require.NoError(t, err)
		assert.Equal(t, []string{"a:b{c}"}, page.IDs)
		requireSound(t, s)
		appended := mustAppend(t, th, "a:b{c}", say("new", "more"))
		assert.Equal(t, []int{4}, seqs(appended.Messages))
	})
}

// requireSound lets the doctor look, who must find nothing wrong with the threads.
func requireSound(tb testing.TB, s *Store) {
	tb.Helper()
	d := &doctor{s: s, Examination: Examination{Deep: true}, report: &Report{}}
	if s.mode != Embedded { // which has no DBSIZE for its doctor
		require.NoError(tb, d.placeBuckets(tb.Context()))
		require.NoError(tb, d.examineKeys(tb.Context()))
		assert.Empty(tb, d.list())
	}
}

// Every way to a thread adopts it.
func TestAdoptAtFirstTouch(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t, adopting)
		th := s.For("")
		text := "new"
		for name, touch := range map[string]func(ctx context.Context, id string) error{
			"get": func(ctx context.Context, id string) error { _, err := th.Get(ctx, id, everything); return err },
			"many": func(ctx context.Context, id string) error {
				states, err := th.GetMany(ctx, []string{"none", id}, Read{})
				if len(states) != 1 {
					return ErrNotFound
				}
				return err
			},
			"ttl": func(ctx context.Context, id string) error { _, err := th.TTL(ctx, id); return err },
			"exists": func(ctx context.Context, id string) error {
				there, err := th.Exists(ctx, id)
				if !there {
					return ErrNotFound
				}
				return err
			},
			"heads": func(ctx context.Context, id string) error {
				heads, err := th.Heads(ctx, []string{"none", id})
				if heads[1].Seq != 3 {
					return ErrNotFound
				}
				return err
			},
			"after": func(ctx context.Context, id string) error { _, err := th.Get(ctx, id, Read{}); return err },
			"message": func(ctx context.Context, id string) error {
				_, err := th.Message(ctx, id, OldMessageID(id, 0))
				return err
			},
			"append": func(ctx context.Context, id string) error {
				_, err := th.Append(ctx, id, Append{Messages: numbered(1, 1)}, &everything)
				return err
			},
			"append or create": func(ctx context.Context, id string) error {
				got, err := th.Append(ctx, id, Append{Messages: numbered(1, 1), CreateIfMissing: true}, &everything)
				if err == nil && got.Messages[0].Seq != 4 {
					return ErrNotFound
				}
				return err
			},
			"update": func(ctx context.Context, id string) error {
				_, err := th.Update(ctx, id, Update{Context: &text}, &everything)
				return err
			},
			"edit": func(ctx context.Context, id string) error {
				_, err := th.Edit(ctx, id, Edit{Steps: []Step{Remove(OldMessageID(id, 1))}}, nil)
				return err
			},
			"fork": func(ctx context.Context, id string) error {
				_, err := th.Fork(ctx, id, id+" again", Fork{}, nil)
				return err
			},
			"fork into": func(ctx context.Context, id string) error {
				mustCreate(t, th, "source")
				if _, err := th.Fork(ctx, "source", id, Fork{}, nil); err != ErrExists { //nolint:errorlint // it is this one
					return fmt.Errorf("not refused: %w", err)
				}
				return nil
			},
			"edits": func(ctx context.Context, id string) error {
				_, _, err := th.EditsAfter(ctx, id, EditCursor{}, 1)
				if _, expired := errors.AsType[*EditsExpiredError](err); expired {
					return nil
				}
				return err
			},
			"extend": func(ctx context.Context, id string) error { _, err := th.ExtendTTL(ctx, id, 100); return err },
			"create": func(ctx context.Context, id string) error {
				if _, err := th.Create(ctx, id, Create{}, everything); err != ErrExists { //nolint:errorlint // it is this one
					return fmt.Errorf("not refused: %w", err)
				}
				return nil
			},
		} {
			putOld(t, s, name, oldText(name, 0), time.Hour)
			require.NoError(t, touch(t.Context(), name), name)
			assert.Zero(t, s.rdb.Exists(t.Context(), s.keys.oldKey(name)).Val(), name)
			head, err := th.Get(t.Context(), name, Read{})
			require.NoError(t, err)
			assert.GreaterOrEqual(t, head.Seq, 3, name)
		}
		putOld(t, s, "delete", oldText("delete", 0), time.Hour)
		require.NoError(t, th.Delete(t.Context(), "delete", nil))
		_, err := th.Get(t.Context(), "delete", Read{})
		require.ErrorIs(t, err, ErrNotFound)
		assert.Zero(t, s.rdb.Exists(t.Context(), s.keys.oldKey("delete")).Val())
		requireSound(t, s)

		putOld(t, s, "another's", oldText("another's", 0), time.Hour)
		_, err = s.For("ann").Get(t.Context(), "another's", Read{})
		require.ErrorIs(t, err, ErrNotFound, "they belong to one owner")
	})
}

// Eight processes that come at once adopt a thread once.
func TestAdoptOnce(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t, adopting)
		stores := []*Store{s}
		for range 7 {
			stores = append(stores, twin(t, s))
		}
		const rounds = 20
		for round := range rounds {
			id := fmt.Sprintf("t%d", round)
			putOld(t, s, id, oldText(id, 50), time.Hour)
			var wg sync.WaitGroup
			epochs := make([]Epoch, len(stores))
			for i, st := range stores {
				wg.Go(func() {
					appended, err := st.For("").Append(t.Context(), id, Append{Messages: numbered(i, 1), CreateIfMissing: true}, &Read{})
					if assert.NoError(t, err) {
						epochs[i] = appended.State.Epoch
					}
				})
			}
			wg.Wait()
			state := mustGet(t, s.For(""), id)
			assert.Equal(t, 53+len(stores), state.MessageCounts.Total)
			for _, epoch := range epochs {
				assert.Equal(t, state.Epoch, epoch, "all wrote to the same incarnation")
			}
		}
		keys := allKeys(t, s)
		for round := range rounds {
			assert.NotContains(t, keys, s.keys.oldKey(fmt.Sprintf("t%d", round)))
		}
		requireSound(t, s)
	})
}

// After a crash between the two steps on a cluster the next look does the second one.
func TestAdoptAfterACrash(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t, adopting)
		th := s.For("")
		putOld(t, s, "one", oldText("one", 0), time.Hour)
		first := mustGet(t, th, "one")
		putOld(t, s, "one", oldText("one", 0), time.Hour) // as if it had not been removed
		appended := mustAppend(t, th, "one", say("new", "more"))
		assert.Equal(t, first.Epoch, appended.State.Epoch)
		s.adopter.sweep(t.Context())
		assert.Zero(t, s.rdb.Exists(t.Context(), s.keys.oldKey("one")).Val())
		assert.Equal(t, 4, mustGet(t, th, "one").Seq)

		putOld(t, s, "one", oldText("one", 0), time.Hour)
		require.NoError(t, th.Delete(t.Context(), "one", nil))
		if s.mode == Cluster { // elsewhere this cannot be what a crash has left
			assert.Zero(t, s.rdb.Exists(t.Context(), s.keys.oldKey("one")).Val())
			putOld(t, s, "one", oldText("one", 0), time.Hour) // one who has read it ahead of the deletion
			_, err := th.Get(t.Context(), "one", Read{})
			require.ErrorIs(t, err, ErrNotFound)
		}
	})
}

// What the replaced service writes behind the adoption is taken over as long as nothing was written here; then it stays, and is told.
func TestAdoptWhatIsWrittenLater(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		var log lockedText
		s := e.open(t, adopting, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		th := s.For("")
		putOld(t, s, "one", oldText("one", 0), time.Hour)
		first := mustGet(t, th, "one")
		putOld(t, s, "one", oldText("one", 2), time.Hour)
		s.adopter.sweep(t.Context())
		second := mustGet(t, th, "one")
		assert.Equal(t, 5, second.Seq)
		assert.NotEqual(t, first.Epoch, second.Epoch)

		mustAppend(t, th, "one", say("new", "more"))
		putOld(t, s, "one", oldText("one", 3), time.Hour)
		s.adopter.sweep(t.Context())
		s.adopter.sweep(t.Context())
		assert.Equal(t, 6, mustGet(t, th, "one").Seq)
		assert.EqualValues(t, 1, s.rdb.Exists(t.Context(), s.keys.oldKey("one")).Val())
		assert.Equal(t, 1, strings.Count(log.String(), "delete one of the two"))
	})
}

// lockedText is a text that several write.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A document that is not understood stays, is told of once with its place, and its thread stays absent.
func TestAdoptRefuses(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		var log lockedText
		s := e.open(t, adopting, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		broken := strings.Replace(oldText("one", 0), `"content": "h`, `"content": 1, "x": "h`, 1)
		putOld(t, s, "one", broken, time.Hour)
		for range 2 {
			_, err := s.For("").Get(t.Context(), "one", everything)
			require.ErrorIs(t, err, ErrNotFound)
			_, err = s.For("").Append(t.Context(), "one", Append{Messages: numbered(1, 1)}, nil)
			require.ErrorIs(t, err, ErrNotFound)
			s.adopter.sweep(t.Context())
		}
		assert.Equal(t, broken, s.rdb.Get(t.Context(), s.keys.oldKey("one")).Val())
		assert.Equal(t, 1, strings.Count(log.String(), "cannot be adopted"), log.String())
		assert.Contains(t, log.String(), "messages[0].x")
		assert.Contains(t, log.String(), s.keys.oldKey("one"))
	})
}

// Ids that make the key of a document that of something of ours touch nothing.
func TestAdoptOwnKeys(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t, adopting)
		th := s.For("")
		mustCreate(t, th, "one", say("m", "x"))
		require.NoError(t, s.SaveDocument(t.Context(), strings.Repeat("a", 64), "{ health }", time.Hour))
		_, err := s.Allow(t.Context(), "ann", 1, 1)
		require.NoError(t, err)
		before := allKeys(t, s)
		for _, key := range before {
			_, err := th.Get(t.Context(), strings.TrimPrefix(key, s.opts.Prefix+":"), Read{})
			require.ErrorIs(t, err, ErrNotFound, key)
		}
		_, err = th.Get(t.Context(), "layout", Read{})
		require.ErrorIs(t, err, ErrNotFound)
		report, err := s.AdoptAll(t.Context(), Adopting{})
		require.NoError(t, err)
		assert.Equal(t, before, allKeys(t, s))
		assert.Zero(t, report.Documents)
		assert.Zero(t, report.Expired)
	})
}

func TestAdoptAll(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		want := make([]string, 0, 40)
		for i := range 40 {
			id := fmt.Sprintf("t%02d", i)
			want = append(want, id)
			putOld(t, s, id, oldText(id, i), time.Hour)
		}
		putOld(t, s, "odd", `{"thread_id": "odd", "messages": [{}]}`, time.Hour)
		putOld(t, s, "text", `hello`, 0)
		require.NoError(t, s.rdb.HSet(t.Context(), s.keys.oldKey("hash"), "a", "b").Err())
		before := allKeys(t, s)
		dry, err := s.AdoptAll(t.Context(), Adopting{DryRun: true})
		require.NoError(t, err)
		assert.Equal(t, before, allKeys(t, s), "a dry run changes nothing")
		told := 0
		report, err := s.AdoptAll(t.Context(), Adopting{Progress: func(done, total int) {
			told++
			assert.LessOrEqual(t, done, total)
		}})
		require.NoError(t, err)
		for _, r := range []*AdoptReport{dry, report} {
			assert.Equal(t, []int{42, 40, 0, 0, 2, 0}, []int{r.Documents, r.Adopted, r.AlreadyThere, r.Left, r.NotUnderstood, r.Expired})
			require.Len(t, r.Problems, 2)
			assert.Equal(t, s.keys.oldKey("odd"), r.Problems[0].Key)
		}
		assert.GreaterOrEqual(t, told, 42)
		page, err := s.For("").IDs(t.Context(), "*", Range{First: 100})
		require.NoError(t, err)
		assert.Equal(t, want, page.IDs)
		requireSound(t, s)

		again, err := s.AdoptAll(t.Context(), Adopting{})
		require.NoError(t, err)
		assert.Equal(t, []int{2, 0, 2}, []int{again.Documents, again.Adopted, again.NotUnderstood})
	})
}

// The background finds what nobody asks for.
func TestAdoptInTheBackground(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		putOld(t, s, "one", oldText("one", 0), time.Hour)
		rolling := twin(t, s, func(o *Options) { o.Adopt = Adopt{Enabled: true, Owner: "ann", Interval: 10 * time.Millisecond} })
		count := func() int {
			n, err := rolling.For("ann").Count(t.Context(), Filter{})
			require.NoError(t, err)
			return n
		}
		require.Eventually(t, func() bool { return count() == 1 }, 20*time.Second, 5*time.Millisecond)
		putOld(t, s, "two", oldText("two", 0), time.Hour)
		require.Eventually(t, func() bool { return count() == 2 }, 20*time.Second, 5*time.Millisecond)
	})
}

// A thread that was adopted elsewhere and came by an import does not give way to a document that lies here.
func TestAdoptBesideAnImport(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		from, to := e.open(t, adopting), e.open(t, adopting)
		putOld(t, from, "one", oldText("one", 5), time.Hour)
		require.Equal(t, 8, mustGet(t, from.For(""), "one").Seq)
		putOld(t, to, "one", oldText("one", 0), time.Hour)
		imported(t, to, exported(t, from, Exporting{}), Importing{})
		outcome, why, err := to.adopter.try(t.Context(), "one", false)
		require.NoError(t, err)
		assert.Equal(t, otherThread, outcome)
		assert.NotNil(t, why)
		assert.Equal(t, 8, mustGet(t, to.For(""), "one").Seq)
		assert.Equal(t, int64(1), to.rdb.Exists(t.Context(), to.keys.oldKey("one")).Val())
	})
}

// A document whose adoption fails does not hold up those behind it.
func TestAdoptGoesOn(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		for name, all := range map[string]func(s *Store) (fails bool){
			"in the background": func(s *Store) bool { s.adopter.sweep(t.Context()); return s.adopter.failing },
			"all at once":       func(s *Store) bool { _, err := s.AdoptAll(t.Context(), Adopting{}); return err != nil },
		} {
			s := e.open(t, adopting)
			for i := range 60 {
				id := fmt.Sprint("good", i)
				putOld(t, s, id, oldText(id, 0), time.Hour)
			}
			putOld(t, s, "bad", oldText("bad", 0), time.Hour)
			require.NoError(t, s.rdb.Set(t.Context(), s.For("").keysOf("bad").record, "no hash", 0).Err())
			assert.True(t, all(s), "%s: it is said", name)
			n, err := s.For("").CountIDs(t.Context(), "good*")
			require.NoError(t, err)
			assert.Equal(t, 60, n, name)
		}
	})
}

// Who listens to a thread that is replaced hears that the one before is gone.
func TestAdoptTells(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t, adopting)
		th := s.For("")
		events := s.Events(t.Context())
		t.Cleanup(func() { _ = events.Close() })
		require.NoError(t, events.Subscribe(t.Context(), th.Channel("one")))
		next := func() Event {
			ctx, cancel := context.WithTimeout(t.Context(), eventPatience)
			defer cancel()
			event, err := events.Receive(ctx, func() {})
			require.NoError(t, err)
			return event
		}
		require.True(t, next().Joined)
		putOld(t, s, "one", oldText("one", 0), 0)
		state := mustGet(t, th, "one")
		assert.WithinDuration(t, redisTime(t, s).Add(2*time.Hour), state.ExpiresAt, 10*time.Second, "without an expiry it gets its TTL")
		event := next()
		assert.Equal(t, state.Epoch, event.Epoch)
		assert.Equal(t, 3, event.Seq)
	})
}

// A document that changes between the look and the script is read again.
func TestAdoptWhatChangesMeanwhile(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t, adopting)
		putOld(t, s, "one", oldText("one", 0), time.Hour)
		changes := 3
		s.opts.NewEpoch = func() Epoch { // it is asked for between the two
			if changes--; changes >= 0 {
				require.NoError(t, s.rdb.Set(t.Context(), s.keys.oldKey("one"), oldText("one", 3-changes), time.Hour).Err())
			}
			return randomEpoch()
		}
		assert.Equal(t, 6, mustGet(t, s.For(""), "one").Seq)
		assert.Zero(t, s.rdb.Exists(t.Context(), s.keys.oldKey("one")).Val())
	})
}
