package store

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCreateWithDefaults(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		before := redisTime(t, s)
		state, err := s.For("ann").Create(t.Context(), "one", Create{}, everything)
		require.NoError(t, err)
		after := redisTime(t, s)

		assert.Equal(t, "ann", state.Owner)
		assert.Equal(t, "one", state.ThreadID)
		assert.Regexp(t, `^[0-9a-f]{16}$`, state.Epoch)
		assert.Equal(t, 1, state.Version)
		assert.Equal(t, MessageCounts{}, state.MessageCounts)
		assert.Empty(t, state.Context)
		assert.False(t, state.Relevant)
		assert.Empty(t, state.Plan)
		assert.Empty(t, state.ToolCalls)
		assert.JSONEq(t, `{}`, string(state.Metadata))
		assert.Equal(t, 30*24*60*60, state.TTLSeconds)
		assert.Equal(t, state.CreatedAt, state.LastUpdated)
		assert.Equal(t, state.LastUpdated.Add(30*24*time.Hour), state.ExpiresAt)
		assert.False(t, state.CreatedAt.Before(before.Truncate(time.Microsecond)))
		assert.False(t, state.CreatedAt.After(after))
		assert.Equal(t, time.UTC, state.CreatedAt.Location())
		assert.Equal(t, &MessagePage{Messages: []*Message{}}, normal(state.Pages[allMessages]))
		assert.Equal(t, state.Head(), mustGet(t, s.For("ann"), "one").Head())
	})
}

// normal makes no difference between no messages and an empty list of them.
func normal(page *MessagePage) *MessagePage {
	if page.Messages == nil {
		page.Messages = []*Message{}
	}
	return page
}

func TestCreateWithEverything(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t, func(o *Options) { o.NewEpoch = func() Epoch { return "00112233445566ff" } })
		th := s.For("")
		metadata := `{"big":12345678901234567890.10,"nested":{"a":[null,true,"<&>"]}}`
		state, err := th.Create(t.Context(), "one", Create{
			TTL: 90 * time.Second, Context: "so far: 1 < 2 & \"quotes\"\n", Relevant: true, Metadata: json.RawMessage(metadata),
			Messages: []*Message{say("first", "hello"), speak(AI, "second", "hi"), speak(Tool, "third", "42")},
		}, everything)
		require.NoError(t, err)

		assert.Equal(t, Epoch("00112233445566ff"), state.Epoch)
		assert.Equal(t, 1, state.Version, "one change, however many messages")
		assert.Equal(t, 90, state.TTLSeconds)
		assert.Equal(t, state.LastUpdated.Add(90*time.Second), state.ExpiresAt)
		assert.Equal(t, "so far: 1 < 2 & \"quotes\"\n", state.Context)
		assert.True(t, state.Relevant)
		assert.Equal(t, metadata, string(state.Metadata), "byte for byte")
		assert.Equal(t, MessageCounts{Total: 3, Human: 1, Ai: 1, Tool: 1}, state.MessageCounts)
		page := state.Pages[allMessages]
		assert.Equal(t, []string{"first", "second", "third"}, messageIDs(page.Messages), "the ids are the caller's")
		assert.Equal(t, []int{1, 2, 3}, seqs(page.Messages))
	})
}

func TestMessagesComeBackAsTheyWere(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		at := time.Date(2024, 2, 29, 12, 0, 0, 123456000, time.UTC)
		full := &Message{
			MessageID: "full", Type: Tool, Content: json.RawMessage(`[{"type":"text","text":"<b>&</b>"},{"n":1.0}]`),
			Name: ptr("name"), ToolCallID: ptr("call"), Status: ptr(Failure),
			ToolCalls: []MessageToolCall{{ID: ptr("c1"), Name: "look", Args: json.RawMessage(`{"x":10000000000000000001}`)}},
			Metadata:  json.RawMessage(`{"k":"\u00e9"}`), ResponseMetadata: json.RawMessage(`{"r":1}`),
			Usage: &Usage{InputTokens: 1, OutputTokens: 2, TotalTokens: 3}, Timestamp: at,
		}
		bare := say("bare", "no time of its own")
		mustCreate(t, th, "one", full, bare)

		got, err := th.Message(t.Context(), "one", "full")
		require.NoError(t, err)
		want := *full
		want.Owner, want.ThreadID, want.Epoch, want.Seq = "ann", "one", got.Epoch, 1
		assert.Equal(t, &want, got)

		got, err = th.Message(t.Context(), "one", "bare")
		require.NoError(t, err)
		assert.Equal(t, mustGet(t, th, "one").LastUpdated, got.Timestamp, "the time of its arrival")
	})
}

func TestCreateRefuses(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t, func(o *Options) { o.MaxThreadMessages = 3 })
		th := s.For("ann")
		create := func(id string, messages ...*Message) error {
			_, err := th.Create(t.Context(), id, Create{Messages: messages, Context: "other"}, Read{})
			return err
		}
		var exists *MessageExistsError
		require.ErrorAs(t, create("one", say("a", "x"), say("a", "y")), &exists)
		assert.Equal(t, "a", exists.MessageID)
		var full *LimitError
		require.ErrorAs(t, create("one", numbered(1, 4)...), &full)
		assert.Equal(t, 3, full.Limit)
		assert.Equal(t, 4, full.Actual)
		require.ErrorIs(t, create("one", speak("SHOUT", "a", "x")), errUnknownType)
		assert.Empty(t, allKeys(t, s), "what is refused leaves nothing")

		made := mustCreate(t, th, "one", say("a", "x"), say("a", "x"))
		assert.Equal(t, 1, made.MessageCounts.Total, "one message, named twice")
		require.ErrorIs(t, create("one"), ErrExists)
		require.ErrorIs(t, create("one", say("b", "x")), ErrExists)
		assert.Equal(t, made, mustGet(t, th, "one"), "the thread is untouched")
	})
}

func TestRecreatedThreadIsAnother(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		old := mustCreate(t, th, "one", say("a", "x"))
		require.NoError(t, th.Delete(t.Context(), "one", nil))
		_, err := th.Get(t.Context(), "one", Read{})
		require.ErrorIs(t, err, ErrNotFound)
		anew := mustCreate(t, th, "one", say("a", "y"), say("b", "z"))
		assert.NotEqual(t, old.Epoch, anew.Epoch)
		assert.Equal(t, 1, anew.Version)

		_, _, err = th.After(t.Context(), "one", Cursor{Epoch: old.Epoch, Seq: 1}, 10)
		var expired *CursorExpiredError
		require.ErrorAs(t, err, &expired, "a cursor of the old one does not point into the new one")
		messages, _, err := th.After(t.Context(), "one", expired.Oldest, 10)
		require.NoError(t, err)
		assert.Equal(t, []string{"a", "b"}, messageIDs(messages))
	})
}

func TestNothingShinesThroughFromAnExpiredThread(t *testing.T) {
	leftovers := map[string]func(t *testing.T, th *Threads){
		"all of it": func(*testing.T, *Threads) {},
		"its record is gone": func(t *testing.T, th *Threads) {
			t.Helper()
			require.NoError(t, th.store.rdb.Del(t.Context(), th.keysOf("one").record).Err())
		},
	}
	onEveryEngine(t, func(t *testing.T, e engine) {
		for name, prepare := range leftovers {
			t.Run(name, func(t *testing.T) {
				th := e.open(t).For("ann")
				_, err := th.Create(t.Context(), "one", Create{
					Context: "old", Relevant: true, Metadata: json.RawMessage(`{"old":1}`), Messages: []*Message{speak(AI, "a", "old"), say("b", "old")},
				}, Read{})
				require.NoError(t, err)
				old, err := th.Update(t.Context(), "one", Update{
					AddPlan: &Plan{PlanID: "old"}, AddToolCall: &ToolExecution{ToolID: "old", Parameters: json.RawMessage(`{}`)},
				}, &Read{})
				require.NoError(t, err)
				lapse(t, th, "one")
				prepare(t, th)

				appended := mustAppend(t, th, "one", say("b", "new"))
				assert.Zero(t, appended.Duplicates)
				state := appended.State
				assert.Equal(t, 1, state.Version)
				assert.NotEqual(t, old.Epoch, state.Epoch)
				assert.Equal(t, MessageCounts{Total: 1, Human: 1}, state.MessageCounts)
				assert.Empty(t, state.Context)
				assert.False(t, state.Relevant)
				assert.JSONEq(t, `{}`, string(state.Metadata))
				assert.Empty(t, state.Plan)
				assert.Empty(t, state.ToolCalls)
				assert.Equal(t, []int{1}, seqs(state.Pages[allMessages].Messages))
				_, err = th.Message(t.Context(), "one", "a")
				require.ErrorIs(t, err, ErrNotFound)
				count, err := th.Count(t.Context(), Filter{})
				require.NoError(t, err)
				assert.Equal(t, 1, count)
			})
		}
	})
}
