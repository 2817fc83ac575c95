package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/store"
)

func TestWhereAListenerStarts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 5 {
		w.say()
	}
	ears := []*ear{w.listen("")}
	for after := range 6 {
		ears = append(ears, w.listen(w.cursor(after)))
	}
	w.tell(w.say(), w.say())
	for _, e := range ears {
		e.gets(7)
	}
}

func TestWhyAListenerCannotStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say()
	old := w.cursor(1)
	w.remove()
	w.create()
	w.say()
	start := func(id, after string) error {
		s, err := w.hub.Messages(t.Context(), w.threads, id, after)
		require.Nil(t, s)
		return err
	}
	require.ErrorIs(t, start(thread, "no cursor"), store.ErrBadCursor)
	require.ErrorIs(t, start("none", ""), store.ErrNotFound)
	require.ErrorIs(t, start("none", w.cursor(0)), store.ErrNotFound)
	for _, cursor := range []string{old, w.cursor(2)} { // of before, and of what Redis has lost
		expired := requireExpired(t, start(thread, cursor))
		assert.Equal(t, store.Cursor{Epoch: w.now.Epoch}, expired.Oldest)
	}
	assert.Zero(t, w.hub.Listeners())
}

// Nine announcements: of the messages 1, 2 and 3, a change, 4 and 5 together, 6, the large 7, 8 and 9. Each case tells some of them, in an
// order that leaves a sign of what is missing.
func TestWhatIsLostIsReadFromTheStore(t *testing.T) {
	t.Parallel()
	tests := map[string][]int{
		"nothing is lost":             {0, 1, 2, 3, 4, 5, 6, 7, 8},
		"only the last is heard":      {8},
		"one is lost":                 {0, 1, 3, 4, 5, 6, 7, 8},
		"the batch is lost":           {0, 1, 2, 3, 5, 6, 7, 8},
		"the large one is lost":       {0, 1, 2, 3, 4, 5, 7, 8},
		"everything twice":            {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8},
		"everything once more":        {0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8},
		"backwards":                   {8, 7, 6, 5, 4, 3, 2, 1, 0},
		"two change places":           {0, 2, 1, 3, 5, 4, 6, 8, 7},
		"the last is late":            {0, 1, 8, 2, 3, 4, 5, 6, 7},
		"the last comes first, alone": {8, 0},
		"one of the first is late":    {1, 2, 3, 4, 5, 6, 7, 8, 0},
	}
	for name, order := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			keen, slow, ahead := w.listen(""), w.listen(""), w.listen("")
			events := []store.Event{
				w.say(), w.say(), w.say(), w.update(), w.add(2, 10), w.say(), w.add(1, 2*inline), w.say(), w.say(),
			}
			last := slices.Index(order, 8)
			for i, n := range order {
				w.tell(events[n])
				if i == last {
					ahead.gets(9) // it is ahead of all that it is told from now on
				}
			}
			keen.gets(9)
			w.settle()
			slow.gets(9)
			w.tell(w.say())
			for _, e := range []*ear{keen, slow, ahead} {
				e.gets(10)
			}
		})
	}
}

// A listener that was behind when a late announcement came must not take that for the end of the thread.
func TestLateAnnouncementHidesNothing(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]func(second store.Event) []store.Event{
		"of the same incarnation": func(second store.Event) []store.Event { return []store.Event{second} },
		"of another incarnation": func(second store.Event) []store.Event {
			return []store.Event{{Channel: second.Channel, Kind: store.Updated, Epoch: "0123456789abcdef", Seq: 7, Version: 7}, second}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.say()
			e := w.listen(w.cursor(0)) // has message 1 in hand
			second, third := w.say(), w.say()
			w.tell(second, third)
			w.tell(late(second)...)
			w.settle()
			e.gets(3)
		})
	}
}

// What Redis announced and lost in a failover leaves the topic ahead of the thread.
func TestAnnouncedMessagesThatAreLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.listen("")
	w.tell(store.Event{Channel: w.channel(), Kind: store.Updated, Epoch: w.now.Epoch, Seq: 2, Version: 50})
	w.settle()
	w.tell(w.say())
	e.gets(1)
	w.tell(w.say())
	e.gets(2)
	w.tell(w.say())
	e.gets(3)
}

func TestReconnectingLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ears := []*ear{w.listen(""), w.listen(w.cursor(0))}
	for round := range 5 {
		w.air.set(true, false)
		w.say() // nobody hears it
		w.add(3, 10)
		w.air.set(false, false)
		for _, e := range ears {
			e.gets(w.now.Seq)
		}
		w.tell(w.say())
		for _, e := range ears {
			e.gets(w.now.Seq)
		}
		ears = append(ears, w.listen(w.cursor(round)))
	}
}

func TestRedisAwayInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.listen("")
	w.air.set(true, false)
	before := w.air.opened()
	w.air.await(t, "several attempts fail", func() bool { return len(w.air.wires) >= before+3 })
	w.add(10, 10)
	w.air.set(false, false)
	e.gets(10)
}

// While one does not read at all, 1,000 messages come: far more than any buffer holds.
func TestStalledListenerBlocksNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stalled, keen := w.listen(""), w.listen("")
	changes := sees(t, t.Context(), w.hub, w.threads)
	for w.now.Seq < 1000 {
		for range 10 {
			w.tell(w.say())
		}
		w.tell(w.add(40, 10))
		keen.gets(w.now.Seq)
	}
	w.listen(w.cursor(0)).gets(1000)
	stalled.gets(1000)
	w.tell(w.say())
	stalled.gets(1001)
	keen.gets(1001)
	for last := 0; last < w.now.Version; {
		change, _ := receive(t, changes.C)
		require.Greater(t, change.Version, last)
		last = change.Version
	}
}

func TestStalledListenerOfAThreadThatIsTrimmed(t *testing.T) {
	t.Parallel()
	st := newStore(t, func(o *store.Options) { o.MaxThreadMessages, o.Trim = 10, true })
	p := testPace
	p.lastWords = testPace.check // there is no end to wait for
	w := newWorldOn(t, st, p)
	w.add(10, 10)
	e := w.listen(w.cursor(0)) // has these in hand
	w.add(10, 10)
	w.tell(w.add(5, 10))
	e.gets(10)
	assert.Equal(t, store.Cursor{Epoch: w.now.Epoch, Seq: 15}, requireExpired(t, e.ends()).Oldest)
}

func TestStalledListenerCanGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(3, 10)
	e := w.listen(w.cursor(0))
	e.cancel()
	for range e.stream.C { // what it was about to give may still come
	}
	require.NoError(t, e.stream.Err())
}

func TestManyListeners(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ears []*ear
	for range 50 {
		ears = append(ears, w.listen(w.cursor(0)))
	}
	for range 20 {
		w.tell(w.say())
	}
	w.tell(w.add(1, 2*inline))
	for _, e := range ears {
		e.gets(21)
	}
	subscriptions := 0
	for _, c := range w.air.last().took() {
		if c.name == "subscribe" {
			subscriptions++
		}
	}
	assert.Equal(t, 1, subscriptions)
}

func TestReadsAreRepeatedWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	unavailable := fmt.Errorf("%w: %w", store.ErrUnavailable, errors.New("no route"))
	// go-redis may show one caller the cancellation of another.
	others := fmt.Errorf("dial: %w", context.Canceled)
	answers := []error{unavailable, others, unavailable, store.ErrNotFound}
	err := persist(t.Context(), func() error {
		answer := answers[0]
		answers = answers[1:]
		return answer
	})
	require.ErrorIs(t, err, store.ErrNotFound)
	assert.Empty(t, answers)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, answer := range []error{unavailable, others} {
		err = persist(ctx, func() error { cancel(); return answer })
		require.ErrorIs(t, err, context.Canceled)
	}
}

// A listener with a slow client must not hold megabytes, and one that is far behind not make a round trip for each message.
func TestBatchesAreAsLargeAsTheirMessagesAllow(t *testing.T) {
	t.Parallel()
	of := func(n, bytes int) []*store.Message {
		batch := make([]*store.Message, n)
		for i := range batch {
			batch[i] = &store.Message{Content: json.RawMessage(strings.Repeat("x", bytes))}
		}
		return batch
	}
	assert.Equal(t, 4*firstBatch, nextBatch(of(firstBatch, 100)), "they grow by steps")
	assert.Equal(t, mostBatch, nextBatch(of(mostBatch, 100)))
	assert.Equal(t, 4, nextBatch(of(firstBatch, 256<<10)), "a MiB of messages of 256 KiB")
	assert.Equal(t, 1, nextBatch(of(1, 16<<20)))
	assert.Equal(t, 4, nextBatch(of(1, 0)))
}

// brittle is a listener that panics when it reads.
type brittle struct{}

func (brittle) start(context.Context) error { return nil }

func (brittle) now() (Change, progress, error) { return Change{}, behind, nil }

func (brittle) catchUp(context.Context) error { panic("a damaged message") }

// A panic in a goroutine of the feed would end the process: it goes to the one who asks.
func TestPanicWhileReadingOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, err := listen(t.Context(), w.hub, w.threads, thread, func(*follower) listener[Change] { return brittle{} })
	require.NoError(t, err)
	woken := make(chan struct{}, 10)
	s.Notify(func() { woken <- struct{}{} })
	<-woken
	_, ok, err := s.Poll()
	require.NoError(t, err)
	assert.False(t, ok)
	defer func() {
		v := recover()
		assert.Contains(t, v, "a damaged message, while reading on")
		assert.Contains(t, v, "brittle.catchUp")
		assert.Zero(t, w.hub.Listeners())
	}()
	for { // other things wake it too, such as the subscription
		_, ok := receive(t, woken)
		require.True(t, ok)
		_, _, _ = s.Poll()
	}
}
