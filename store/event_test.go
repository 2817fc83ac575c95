package store

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// eventPatience is how long an event may take where nothing is wrong.
const eventPatience = 10 * time.Second

// next gives the next event. Receive itself ends only with its connection, so that is what a test without events ends.
func next(tb testing.TB, events *Events) Event {
	tb.Helper()
	late := time.AfterFunc(eventPatience, func() { _ = events.Close() })
	defer late.Stop()
	event, err := events.Receive(tb.Context(), func() {})
	require.NoError(tb, err)
	return event
}

// subscribe subscribes to channels and waits until that has happened.
func subscribe(tb testing.TB, events *Events, channels ...Channel) {
	tb.Helper()
	require.NoError(tb, events.Subscribe(tb.Context(), channels...))
	for _, c := range channels {
		require.Equal(tb, Event{Channel: c, Joined: true}, next(tb, events))
	}
}

// listen opens a connection that hears of one thread.
func listen(tb testing.TB, th *Threads, id string) *Events {
	tb.Helper()
	events := th.store.Events(tb.Context())
	tb.Cleanup(func() { _ = events.Close() })
	subscribe(tb, events, th.Channel(id))
	return events
}

func TestWhatHappensIsAnnounced(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		events := listen(t, th, "one")
		heard := func(kind EventKind, head Head) Event {
			t.Helper()
			got := next(t, events)
			assert.Equal(t, th.Channel("one"), got.Channel)
			assert.False(t, got.Joined)
			assert.Equal(t, string(kind), string(got.Kind))
			assert.Equal(t, []any{head.Epoch, head.Seq, head.Version}, []any{got.Epoch, got.Seq, got.Version})
			return got
		}
		noMessage := func(e Event) {
			t.Helper()
			assert.Empty(t, e.element)
			_, ok := th.Announced("one", e)
			assert.False(t, ok)
		}

		made := mustCreate(t, th, "one")
		noMessage(heard(Created, made.Head()))
		one := mustAppend(t, th, "one", say("a", "x:y"))
		got, ok := th.Announced("one", heard(Updated, one.State.Head()))
		require.True(t, ok)
		assert.Equal(t, one.Messages[0], got, "the message comes with it")

		batch := mustAppend(t, th, "one", numbered(1, 2)...)
		noMessage(heard(Updated, batch.State.Head()))
		mustAppend(t, th, "one", numbered(1, 2)...) // changes nothing, so nothing is said
		mixed := mustAppend(t, th, "one", say("m1", "text 1"), say("b", "y"))
		got, ok = th.Announced("one", heard(Updated, mixed.State.Head()))
		require.True(t, ok, "one of the batch is new")
		assert.Equal(t, mixed.Messages[1], got)

		updated, err := th.Update(t.Context(), "one", Update{Relevant: ptr(true)}, &Read{})
		require.NoError(t, err)
		noMessage(heard(Updated, updated.Head()))
		_, err = th.Update(t.Context(), "one", Update{ExpectedVersion: ptr(99)}, nil)
		require.Error(t, err)
		require.NoError(t, th.Delete(t.Context(), "one", nil))
		noMessage(heard(Deleted, updated.Head()))

		anew := mustAppend(t, th, "one", say("c", "z"))
		got, ok = th.Announced("one", heard(Created, anew.State.Head()))
		require.True(t, ok)
		assert.Equal(t, anew.Messages[0], got)
		lapse(t, th, "one")
		require.NoError(t, s.sweeper.tick(t.Context(), s))
		noMessage(heard(Expired, anew.State.Head()))
	})
}

func TestALargeMessageIsOnlyHintedAt(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t, func(o *Options) { o.InlineBytes = 200 })
		th := s.For("ann")
		events := listen(t, th, "one")
		for _, c := range []struct {
			length int
			inline bool
		}{{10, true}, {300, false}} {
			mustAppend(t, th, "one", say(strings.Repeat("i", c.length/10), strings.Repeat("x", c.length)))
			_, ok := th.Announced("one", next(t, events))
			assert.Equal(t, c.inline, ok, c.length)
		}
	})
}

func TestWhatOthersPublishMakesAListenerLook(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		events := listen(t, th, "one")
		publish := func(t *testing.T, to Channel, what string) {
			t.Helper()
			publish := s.rdb.Publish
			if e.mode == Cluster {
				publish = s.rdb.SPublish
			}
			require.NoError(t, publish(t.Context(), string(to), what).Err())
		}
		for _, garbage := range []string{"", "x", ":::::", "u:e:1:x:0:", "u:e:1:1:x:", "z:e:1:1:0:", "u:e:1:99999999999999999999:0:"} {
			publish(t, th.Channel("one"), garbage)
			assert.Equal(t, Event{Channel: th.Channel("one"), Joined: true}, next(t, events), garbage)
		}
		// A message that does not belong to the event is not taken for one.
		for _, odd := range []string{"u:e:1:1:0:garbage", "u:e:1:1:0:2:1:H:1:a{}", "u:e:1:1:0:1:1:Z:1:a{}", "u:e:1:1:0:1:1:H:1:a{"} {
			publish(t, th.Channel("one"), odd)
			_, ok := th.Announced("one", next(t, events))
			assert.False(t, ok, odd)
		}
	})
}

func TestUnsubscribePingClose(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t, withBuckets(1)) // so that one connection hears all on a cluster too
		th := s.For("ann")
		events := listen(t, th, "one")
		subscribe(t, events, th.Channel("two"))
		require.NoError(t, events.Unsubscribe(t.Context(), th.Channel("one")))
		mustAppend(t, th, "one", say("a", "x"))
		mustAppend(t, th, "two", say("a", "x"))
		assert.Equal(t, th.Channel("two"), next(t, events).Channel, "of the first nothing is heard any more")

		alive := make(chan struct{}, 10)
		ended := make(chan error, 1)
		go func() {
			_, err := events.Receive(context.Background(), func() { alive <- struct{}{} })
			ended <- err
		}()
		require.NoError(t, events.Ping(t.Context()))
		<-alive // the answer to the ping; Receive waits on
		require.NoError(t, events.Close())
		require.Error(t, <-ended, "Close ends a Receive that waits")
	})
}

func TestStoresHearEachOther(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		here := e.open(t)
		there := twin(t, here)
		events := listen(t, here.For("ann"), "one")
		written := mustAppend(t, there.For("ann"), "one", say("a", "x"))
		got, ok := here.For("ann").Announced("one", next(t, events))
		require.True(t, ok)
		assert.Equal(t, written.Messages[0], got)
	})
}
