package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func exported(tb testing.TB, s *Store, o Exporting) string {
	tb.Helper()
	var out bytes.Buffer
	report, err := s.Export(tb.Context(), &out, o)
	require.NoError(tb, err)
	require.Empty(tb, report.Damaged)
	return out.String()
}

func imported(tb testing.TB, s *Store, text string, o Importing) *ImportReport {
	tb.Helper()
	report, err := s.Import(tb.Context(), strings.NewReader(text), o)
	require.NoError(tb, err)
	return report
}

// varied fills a store with threads of every kind.
func varied(tb testing.TB, s *Store) {
	tb.Helper()
	ann := s.For("ann:%")
	name, status, plan, text := "bob", Failure, "p1", "so far \u2028 \"quoted\" é"
	mustCreate(tb, ann, "odd: {id}*é", &Message{
		MessageID: "m:1", Type: Tool, Content: json.RawMessage(`[{"type":"text","text":"<b>\u0000","n":1.10,"big":12345678901234567890}]`), Name: &name,
		ToolCallID: &name, Status: &status, Metadata: json.RawMessage(`{"z":1,"a":3.14159265358979312}`),
		Usage: &Usage{InputTokens: 1}, Timestamp: time.Date(2020, 1, 2, 3, 4, 5, 678901000, time.UTC),
		ToolCalls: []MessageToolCall{{ID: &name, Name: "f", Args: json.RawMessage(`{"x":1e400}`)}},
	})
	metadata := json.RawMessage(`{"title":"x","digits":1.50}`)
	_, err := ann.Update(tb.Context(), "odd: {id}*é", Update{
		Context: &text, Metadata: metadata, AddPlan: &Plan{PlanID: plan, Subtasks: []string{"a"}},
		AddToolCall: &ToolExecution{ToolID: "t", PlanID: &plan, Tool: "x", Parameters: json.RawMessage(`{"q":1.10}`)},
	}, nil)
	require.NoError(tb, err)
	mustCreate(tb, s.For(""), "empty")
	mustCreate(tb, s.For("bob"), "edited", numbered(1, 60)...)
	_, err = s.For("bob").Edit(tb.Context(), "edited", Edit{Steps: []Step{TruncateAfter(50), Remove("m3"), Put(say("m7", "other"))}}, nil)
	require.NoError(tb, err)
	_, err = s.For("bob").ExtendTTL(tb.Context(), "edited", 12345)
	require.NoError(tb, err)
	for i := range 30 {
		mustCreate(tb, s.For(""), fmt.Sprintf("t%02d", i), numbered(1, i)...)
	}
	require.NoError(tb, s.rdb.HSet(tb.Context(), s.For("").keysOf("empty").record, "fromTheFuture", "é\n").Err())
}

// What was exported, imported and exported again has the same bytes, and is the same to readers.
func TestMove(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		from, to := e.open(t), e.open(t)
		varied(t, from)
		text := exported(t, from, Exporting{})
		report := imported(t, to, text, Importing{})
		assert.Equal(t, &ImportReport{Imported: 33, Messages: 1 + 49 + 30*29/2, Conflicts: []string{}}, report)
		assert.Equal(t, text, exported(t, to, Exporting{}))
		assert.Equal(t, &ImportReport{Unchanged: 33, Conflicts: []string{}}, imported(t, to, text, Importing{OnConflict: FailOnExisting}), "it may be repeated")
		requireSound(t, to)
		for _, id := range []struct{ owner, thread string }{{"ann:%", "odd: {id}*é"}, {"bob", "edited"}, {"", "empty"}, {"", "t29"}} {
			want, got := mustGet(t, from.For(id.owner), id.thread), mustGet(t, to.For(id.owner), id.thread)
			assert.Equal(t, want, got)
		}
		for _, key := range allKeys(t, to) {
			assert.NotContains(t, key, "}:s:", "nothing is left aside")
		}
		edits, head, err := to.For("bob").EditsAfter(t.Context(), "edited", EditCursor{Epoch: mustGet(t, to.For("bob"), "edited").Epoch}, 100)
		require.NoError(t, err)
		assert.NotZero(t, head.Edits)
		assert.Len(t, edits, head.Edits)
		state := mustAppend(t, to.For("bob"), "edited", say("m60", "again"))
		assert.Equal(t, 61, state.Messages[0].Seq, "numbers go on")
	})
}

// The cursors of a thread whose oldest messages were removed, with their places, hold where it was brought to.
func TestMoveOfWhatWasEmptied(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		from, to := e.open(t), e.open(t)
		th := from.For("")
		mustCreate(t, th, "one", numbered(1, 9)...)
		mustEdit(t, th, "one", TruncateAfter(0))
		mustAppend(t, th, "one", say("m10", "x"))
		mustCreate(t, th, "two", numbered(1, 9)...)
		mustEdit(t, th, "two", Remove("m1"), Remove("m2"))
		imported(t, to, exported(t, from, Exporting{}), Importing{})
		for id, want := range map[string][]int{"one": {10}, "two": {3, 4, 5, 6, 7, 8, 9}} {
			epoch := mustGet(t, th, id).Epoch
			page := readPage(t, to.For(""), id, Range{First: 10, After: Cursor{Epoch: epoch, Seq: 1}.String()})
			require.NoError(t, page.Err)
			assert.Equal(t, want, seqs(page.Messages))
			assert.Equal(t, mustGet(t, th, id), mustGet(t, to.For(""), id))
		}
		requireSound(t, to)
	})
}

func TestMoveSome(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		from, to := e.open(t), e.open(t)
		varied(t, from)
		nobody, bob, cid := "", "bob", "cid"
		some := exported(t, from, Exporting{Owner: &nobody, Pattern: "t1?"})
		assert.Equal(t, 10, imported(t, to, some, Importing{}).Imported)
		report := imported(t, to, exported(t, from, Exporting{}), Importing{Owner: &bob, ToOwner: &cid})
		assert.Equal(t, []int{1, 32}, []int{report.Imported, report.Excluded})
		assert.Equal(t, 60, mustGet(t, to.For("cid"), "edited").Seq)
		report = imported(t, to, exported(t, from, Exporting{}), Importing{Pattern: "t*"})
		assert.Equal(t, []int{20, 10, 3}, []int{report.Imported, report.Unchanged, report.Excluded})
	})
}

func TestMoveConflicts(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		from, to := e.open(t), e.open(t)
		th := to.For("")
		first := mustCreate(t, from.For(""), "one", numbered(1, 5)...)
		mustCreate(t, from.For(""), "two", numbered(1, 5)...)
		text := exported(t, from, Exporting{})
		imported(t, to, text, Importing{})
		mustAppend(t, th, "one", say("new", "more"))

		report := imported(t, to, text, Importing{OnConflict: KeepExisting})
		assert.Equal(t, &ImportReport{Unchanged: 1, Skipped: 1, Conflicts: []string{`"" "one"`}}, report)
		assert.Equal(t, 6, mustGet(t, th, "one").Seq)

		_, err := to.Import(t.Context(), strings.NewReader(text), Importing{OnConflict: FailOnExisting})
		var exists *ThreadExistsError
		require.ErrorAs(t, err, &exists)

		report = imported(t, to, text, Importing{OnConflict: ReplaceExisting})
		assert.Equal(t, []int{1, 1}, []int{report.Replaced, report.Unchanged})
		state := mustGet(t, th, "one")
		assert.Equal(t, 5, state.Seq)
		assert.NotEqual(t, first.Epoch, state.Epoch, "no cursor of the longer one looks valid")

		lapsed := strings.Replace(text, first.ExpiresAt.UTC().Format(moveTime), "2020-01-01T00:00:00.000000Z", 1)
		mustCreate(t, th, "two2")
		require.NoError(t, th.Delete(t.Context(), "one", nil))
		report, err = to.Import(t.Context(), strings.NewReader(lapsed), Importing{})
		require.ErrorContains(t, err, "checksum")
		assert.Equal(t, []int{1, 1}, []int{report.Expired, report.Unchanged})
		requireSound(t, to)
	})
}

// Two copies of a thread that have gone on by themselves are not the same one, although they count the same changes.
func TestMoveOfCopiesThatHaveParted(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		from, to := e.open(t), e.open(t)
		mustCreate(t, from.For(""), "one", numbered(1, 2)...)
		imported(t, to, exported(t, from, Exporting{}), Importing{})
		mustAppend(t, from.For(""), "one", say("here", "here"))
		mustAppend(t, to.For(""), "one", say("there", "there"))
		text := exported(t, from, Exporting{})
		assert.Equal(t, &ImportReport{Skipped: 1, Conflicts: []string{`"" "one"`}}, imported(t, to, text, Importing{}))
		report := imported(t, to, text, Importing{OnConflict: ReplaceExisting})
		assert.Equal(t, 1, report.Replaced)
		assert.Equal(t, "here", mustGetAll(t, to.For(""), "one")[2].MessageID)
		requireSound(t, to)
	})
}

// Threads go to no owner whom no token can name, and whom an export could not bring back.
func TestMoveToNobody(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		mustCreate(t, s.For(""), "one")
		text := exported(t, s, Exporting{})
		before := allKeys(t, s)
		for _, owner := range []string{"a\nb", "\xff", strings.Repeat("x", 256)} {
			_, err := s.Import(t.Context(), strings.NewReader(text), Importing{ToOwner: &owner})
			require.ErrorContains(t, err, "names no owner")
			_, err = s.AdoptAll(t.Context(), Adopting{Owner: owner})
			require.ErrorContains(t, err, "names no owner")
		}
		assert.ElementsMatch(t, before, allKeys(t, s))
	})
}

// A file that was cut off or damaged is an error with its line, and never a part of a thread.
func TestImportRefuses(t *testing.T) {
	t.Parallel()
	s := engines[0].open(t)
	mustCreate(t, s.For(""), "one", numbered(1, 3)...)
	text := exported(t, s, Exporting{})
	lines := strings.SplitAfter(text, "\n")
	require.Len(t, lines, 8)
	for name, c := range map[string]struct{ text, want string }{
		"nothing":               {"", "line 1 is not the beginning"},
		"something else":        {"hello\n", "line 1 is not understood"},
		"a later version":       {strings.Replace(text, `"version":1}`, `"version":2}`, 1), "line 1 is of a file of version 2"},
		"cut within a line":     {text[:len(text)-10], "line 7 is cut off"},
		"cut within a thread":   {strings.Join(lines[:4], ""), "line 4 is the last one"},
		"cut behind a thread":   {strings.Join(lines[:6], ""), "line 6 is the last one"},
		"a line is missing":     {strings.Join(append(append([]string{}, lines[:3]...), lines[4:]...), ""), "line 4 has number 3 where 2 is next"},
		"the last is missing":   {strings.Join(append(append([]string{}, lines[:4]...), lines[5:]...), ""), "line 5 ends a thread"},
		"a message is changed":  {strings.Replace(text, "text 2", "text 9", 1), "line 7 has another checksum"},
		"a body is none":        {strings.Replace(text, `"content":"text 2"`, `"content":"text 2","tool_calls":1`, 1), "line 4 has a body"},
		"an unknown member":     {strings.Replace(text, `{"thread":{`, `{"thread":{"x":1,`, 1), "line 2 is not understood: thread.x"},
		"a message outside":     {lines[0] + lines[2], "line 2 belongs to no thread"},
		"a thread in a thread":  {lines[0] + lines[1] + lines[1], "line 3 is not what a thread has"},
		"end within a thread":   {lines[0] + lines[1] + lines[6], "line 3 ends the file within a thread"},
		"something behind":      {text + lines[0], "line 8 stands behind the end"},
		"one id twice":          {strings.NewReplacer(`"id":"m2"`, `"id":"m1"`).Replace(text), "not all that was put aside"},
		"an epoch of something": {strings.Replace(text, `"epoch":"`, `"epoch":"x`, 1), "epoch"},
		"an id of nothing":      {strings.Replace(text, `"threadId":"one"`, `"threadId":""`, 1), "threadId"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := engines[0].open(t)
			_, err := to.Import(t.Context(), strings.NewReader(c.text), Importing{})
			require.ErrorContains(t, err, c.want)
			states, err := to.For("").GetMany(t.Context(), []string{"one"}, everything)
			require.NoError(t, err)
			if len(states) > 0 {
				assert.Len(t, states[0].Pages[allMessages].Messages, 3, "all of it or nothing")
			}
		})
	}
}

// While others write, what is exported of each thread is as it was at one instant.
func TestExportWhileOthersWrite(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		from, to := e.open(t), e.open(t)
		th := from.For("")
		mustCreate(t, th, "one", numbered(1, 1000)...)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan int)
		go func() {
			n := 0
			for ; ctx.Err() == nil; n++ {
				steps := []Step{Put(say(fmt.Sprintf("n%d", n), "x"))}
				if n%50 == 0 {
					steps = append(steps, Put(say("m900", fmt.Sprintf("text %d", n))), Put(say("m10", fmt.Sprintf("text %d", n))))
				}
				_, err := th.Edit(t.Context(), "one", Edit{Steps: steps}, nil)
				assert.NoError(t, err)
			}
			done <- n
		}()
		for range 5 {
			var out bytes.Buffer
			_, err := from.Export(t.Context(), &out, Exporting{})
			if err != nil {
				require.ErrorIs(t, err, errShifted)
				continue
			}
			imported(t, to, out.String(), Importing{OnConflict: ReplaceExisting})
			state := mustGet(t, to.For(""), "one")
			byID := make(map[string]string)
			for _, m := range mustGetAll(t, to.For(""), "one") {
				byID[m.MessageID] = m.Text()
			}
			if byID["m10"] != "text 10" {
				assert.Equal(t, byID["m10"], byID["m900"], "they were changed together")
			}
			assert.Len(t, byID, state.MessageCounts.Total)
		}
		cancel()
		assert.NotZero(t, <-done)
	})
}

// A thread whose messages are changed while it is read is read again, and what was written of it is void.
func TestExportOfWhatIsEdited(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		from, to := e.open(t), e.open(t)
		th := from.For("")
		mustCreate(t, th, "one", numbered(1, 3000)...)
		file := &interruptedWriter{at: 1, do: func() {
			_, err := th.Edit(t.Context(), "one", Edit{Steps: []Step{Put(say("m10", "new")), Put(say("m2900", "new"))}}, nil)
			require.NoError(t, err)
		}}
		report, err := from.Export(t.Context(), file, Exporting{})
		require.NoError(t, err)
		assert.Equal(t, 1, strings.Count(file.text.String(), `{"abandoned":true}`))
		assert.Equal(t, 3000, report.Messages)
		assert.Equal(t, 1, imported(t, to, file.text.String(), Importing{}).Imported)
		messages := mustGetAll(t, to.For(""), "one")
		assert.Equal(t, []string{"new", "new"}, []string{messages[9].Text(), messages[2899].Text()})
		requireSound(t, to)
	})
}

// Messages that are trimmed after they were read do not matter.
func TestExportOfWhatIsTrimmed(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		from := e.open(t, func(o *Options) { o.MaxThreadMessages, o.Trim = 3000, true })
		to, th := e.open(t), from.For("")
		mustCreate(t, th, "one", numbered(1, 3000)...)
		file := &interruptedWriter{at: 1, do: func() { mustAppend(t, th, "one", numbered(3001, 100)...) }}
		report, err := from.Export(t.Context(), file, Exporting{})
		require.NoError(t, err)
		assert.Equal(t, 3000, report.Messages)
		assert.NotContains(t, file.text.String(), "abandoned")
		imported(t, to, file.text.String(), Importing{})
		assert.Len(t, mustGetAll(t, to.For(""), "one"), 3000)
	})
}

// interruptedWriter does something at a write.
type interruptedWriter struct {
	text bytes.Buffer
	at   int
	do   func()
}

func (w *interruptedWriter) Write(p []byte) (int, error) {
	if w.at--; w.at == 0 {
		w.do()
	}
	return w.text.Write(p)
}

func mustGetAll(tb testing.TB, th *Threads, id string) []*Message {
	tb.Helper()
	key := MessagesOf(Range{First: 100_000}, nil)
	state, err := th.Get(tb.Context(), id, Read{Pages: []PageKey{key}})
	require.NoError(tb, err)
	return state.Pages[key].Messages
}

// peakWriter throws away what is written, and looks now and then how much memory is in use.
type peakWriter struct {
	n    int64
	next int64
	peak uint64
}

func (p *peakWriter) Write(b []byte) (int, error) {
	if p.n += int64(len(b)); p.n >= p.next {
		p.next += 8 << 20
		p.peak = max(p.peak, heapInUse())
	}
	return len(b), nil
}

func heapInUse() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// A thread of 100,000 messages, 40 MB of them, moves in a few MiB.
func TestMoveInBoundedMemory(t *testing.T) {
	s := engines[1].open(t)
	to := twin(t, s, func(o *Options) { o.Prefix += "to" })
	const messages = 100_000
	pad := strings.Repeat("x", 300)
	for from := 1; from <= messages; from += 500 {
		batch := make([]*Message, 500)
		for i := range batch {
			batch[i] = say(fmt.Sprintf("m%d", from+i), pad)
		}
		_, err := s.For("").Append(t.Context(), "one", Append{Messages: batch, CreateIfMissing: true}, nil)
		require.NoError(t, err)
	}
	const most = 16 << 20
	before := heapInUse()
	r, w := io.Pipe()
	go func() {
		_, err := s.Export(t.Context(), w, Exporting{})
		_ = w.CloseWithError(err)
	}()
	watched := &peakWriter{}
	report, err := to.Import(t.Context(), io.TeeReader(r, watched), Importing{})
	require.NoError(t, err)
	assert.Equal(t, messages, report.Messages)
	require.Greater(t, watched.n, int64(40<<20))
	assert.Less(t, watched.peak, before+most)
	t.Logf("heap: %d KiB before, %d KiB while exporting and importing", before>>10, watched.peak>>10)
	state, err := to.For("").Get(t.Context(), "one", Read{})
	require.NoError(t, err)
	assert.Equal(t, messages, state.MessageCounts.Total)
}

// FuzzImport: whatever a file says, what is imported can be read.
func FuzzImport(f *testing.F) {
	s, err := Open(func() Options { o := DefaultOptions(); o.SweepInterval, o.LayoutInterval = 0, 0; return o }())
	require.NoError(f, err)
	f.Cleanup(func() { _ = s.Close() })
	_, err = s.For("").Append(f.Context(), "one", Append{Messages: numbered(1, 2), CreateIfMissing: true}, nil)
	require.NoError(f, err)
	_, err = s.For("").Edit(f.Context(), "one", Edit{Steps: []Step{Remove("m1")}}, nil)
	require.NoError(f, err)
	text := exported(f, s, Exporting{})
	f.Add([]byte(text))
	for _, line := range strings.SplitAfter(text, "\n") {
		f.Add([]byte(strings.Replace(text, line, "", 1)))
		f.Add([]byte(strings.Replace(text, line, line+line, 1)))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		_, _ = s.Import(t.Context(), bytes.NewReader(file), Importing{OnConflict: ReplaceExisting})
		ids, err := s.For("").IDs(t.Context(), "*", Range{First: 1000})
		require.NoError(t, err)
		for _, id := range ids.IDs {
			_, err := s.For("").Get(t.Context(), id, everything)
			if err != nil {
				require.ErrorIs(t, err, ErrNotFound)
			}
			require.NoError(t, s.For("").Delete(t.Context(), id, nil))
		}
	})
}
