package feed

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/store"
)

// inBubble runs a test of the hub alone in a time of its own, in which sleeping takes no time and is exact. Topics are not
// checked, since a read of the store would be I/O.
func inBubble(t *testing.T, test func(t *testing.T, a *air, h *Hub, threads *store.Threads)) {
	t.Helper()
	t.Parallel()
	threads := newStore(t).For("ann")
	synctest.Test(t, func(t *testing.T) {
		a := newAir()
		p := defaultPace
		p.check, p.linger = testPace.check, testPace.linger
		h := newHub(a.open, quiet, p)
		test(t, a, h, threads)
		h.Close()
	})
}

// joined tells whether the topic of a listener is subscribed to.
func (f *follower) joined() bool { return f.topic.view().joined }

func TestOneSubscriptionForAThread(t *testing.T) {
	inBubble(t, func(t *testing.T, a *air, h *Hub, threads *store.Threads) {
		synctest.Wait()
		assert.Zero(t, a.opened(), "there is no connection before somebody listens")
		var followers []*follower
		for range 100 {
			followers = append(followers, h.join(threads, "one"))
			synctest.Wait()
		}
		one := []store.Channel{threads.Channel("one")}
		assert.Equal(t, []command{{"subscribe", one}}, a.last().took())
		assert.Equal(t, 100, h.Listeners())
		for _, f := range followers[1:] {
			assert.True(t, f.joined())
			h.leave(f)
			synctest.Wait()
		}
		assert.Empty(t, a.last().took())
		h.leave(followers[0])
		synctest.Wait()
		assert.Equal(t, []command{{"unsubscribe", one}}, a.last().took())
		assert.Zero(t, h.Listeners())
		assert.Zero(t, h.Threads())
		assert.Equal(t, 1, a.opened())
	})
}

func TestLeftAndJoinedAgain(t *testing.T) {
	tests := []struct {
		name string
		// between is what happens between leaving and joining.
		between func(a *air)
		want    []string
	}{
		{"at once", func(*air) {}, []string{"subscribe", "subscribe"}},
		{"after the writer acted", func(*air) { synctest.Wait() }, []string{"subscribe", "unsubscribe", "subscribe"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, a *air, h *Hub, threads *store.Threads) {
				first := h.join(threads, "one")
				synctest.Wait()
				h.leave(first)
				test.between(a)
				second := h.join(threads, "one")
				synctest.Wait()
				var names []string
				for _, c := range a.last().took() {
					names = append(names, c.name)
				}
				assert.Equal(t, test.want, names)
				assert.NotSame(t, first.topic, second.topic)
				assert.True(t, second.joined())
				a.publish(store.Event{Channel: threads.Channel("one"), Kind: store.Updated, Epoch: "e", Seq: 1, Version: 1})
				synctest.Wait()
				assert.Equal(t, 1, second.topic.view().head.Seq, "it hears what is announced")
				assert.Zero(t, first.topic.view().head.Seq)
			})
		})
	}
}

func TestLeftBeforeAnythingWasSubscribed(t *testing.T) {
	inBubble(t, func(t *testing.T, a *air, h *Hub, threads *store.Threads) {
		a.set(true, false)
		h.leave(h.join(threads, "one"))
		synctest.Wait()
		a.set(false, false)
		time.Sleep(time.Minute)
		assert.Empty(t, a.last().took())
	})
}

func TestManyTopicsGoInBatches(t *testing.T) {
	const topics = 2000
	inBubble(t, func(t *testing.T, a *air, h *Hub, threads *store.Threads) {
		var followers []*follower
		for i := range topics {
			followers = append(followers, h.join(threads, fmt.Sprint(i)))
		}
		// all wants the commands to name all topics once, and gives how many commands there are.
		all := func(name string) int {
			t.Helper()
			synctest.Wait()
			seen := make(map[store.Channel]bool)
			commands := a.last().took()
			for _, c := range commands {
				assert.Equal(t, name, c.name)
				assert.LessOrEqual(t, len(c.channels), 512)
				for _, channel := range c.channels {
					assert.False(t, seen[channel])
					seen[channel] = true
				}
			}
			assert.Len(t, seen, topics)
			return len(commands)
		}
		all("subscribe") // the first of them may go alone, before the others have come
		a.cut()
		time.Sleep(time.Second)
		assert.Equal(t, 4, all("subscribe"))
		for _, f := range followers {
			assert.True(t, f.joined())
			h.leave(f)
		}
		all("unsubscribe")
	})
}

func TestEveryConnectionSubscribesToAll(t *testing.T) {
	fail := map[string]func(a *air){
		"the connection ends":  func(a *air) { a.cut() },
		"a ping fails":         func(a *air) { a.do(func() { a.refused = "ping" }) },
		"a command fails":      func(a *air) { a.do(func() { a.refused = "subscribe" }) },
		"leaving fails":        func(a *air) { a.do(func() { a.refused = "unsubscribe" }) },
		"it falls silent":      func(a *air) { a.set(false, true) },
		"Redis is away":        func(a *air) { a.set(true, false) },
		"there are no answers": func(a *air) { a.set(false, true) },
	}
	for name, fail := range fail {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, a *air, h *Hub, threads *store.Threads) {
				var followers []*follower
				for i := range 10 {
					followers = append(followers, h.join(threads, fmt.Sprint(i)))
				}
				leaver := h.join(threads, "leaver")
				synctest.Wait()
				before := a.last()
				doubts := followers[0].topic.view().doubts
				fail(a)
				followers = append(followers, h.join(threads, "new"))
				h.leave(leaver)
				time.Sleep(time.Minute)
				a.do(func() { a.refused = "" })
				a.set(false, false)
				time.Sleep(time.Minute)

				now := a.last()
				assert.True(t, before.closed, "a connection that is given up is closed")
				assert.NotSame(t, before, now)
				assert.False(t, now.closed)
				assert.Len(t, now.subscribed, 11)
				for _, f := range followers {
					assert.True(t, now.subscribed[f.topic.channel])
					assert.True(t, f.joined())
				}
				assert.Greater(t, followers[0].topic.view().doubts, doubts, "everybody looks at the store after that")
			})
		})
	}
}

func TestSilentConnectionIsReplacedSoon(t *testing.T) {
	inBubble(t, func(t *testing.T, a *air, h *Hub, threads *store.Threads) {
		h.join(threads, "one")
		time.Sleep(24 * time.Hour)
		assert.Equal(t, 1, a.opened(), "answers to pings are life enough")
		a.do(func() { a.wires[0].deaf = true })
		time.Sleep(silenceLimit)
		assert.Equal(t, 1, a.opened())
		time.Sleep(2*pingEvery + time.Second)
		assert.Equal(t, 2, a.opened())
		assert.True(t, a.wires[0].closed)
		time.Sleep(24 * time.Hour)
		assert.Equal(t, 2, a.opened())
		a.do(func() { a.refused = "ping" })
		time.Sleep(pingEvery + time.Second)
		assert.Greater(t, a.opened(), 2, "a ping that cannot be sent says enough")
	})
}

func TestConnectingGoesOnButNotTooOften(t *testing.T) {
	inBubble(t, func(t *testing.T, a *air, h *Hub, threads *store.Threads) {
		f := h.join(threads, "one")
		synctest.Wait()
		a.set(true, false)
		time.Sleep(10 * time.Second)
		before := a.opened()
		time.Sleep(time.Hour)
		attempts := a.opened() - before
		assert.Greater(t, attempts, 3600/4)
		assert.Less(t, attempts, 3600)

		a.set(false, false)
		time.Sleep(3 * time.Second)
		assert.True(t, a.last().subscribed[f.topic.channel], "it is back soon")
		time.Sleep(time.Minute)
		before = a.opened()
		a.cut()
		time.Sleep(2 * minBackoff)
		assert.Equal(t, before+1, a.opened(), "after a good time the first attempt is quick again")
	})
}

func TestRedisAwayAtTheStart(t *testing.T) {
	inBubble(t, func(t *testing.T, a *air, h *Hub, threads *store.Threads) {
		for _, broken := range []struct{ down, deaf bool }{{true, false}, {false, true}} {
			a.set(broken.down, broken.deaf)
			start := time.Now()
			_, err := h.Messages(t.Context(), threads, "one", "")
			require.ErrorIs(t, err, store.ErrUnavailable)
			assert.Equal(t, defaultPace.join, time.Since(start))
			_, err = h.Changes(t.Context(), threads, "one", store.Read{})
			require.ErrorIs(t, err, store.ErrUnavailable)
			assert.Equal(t, 2*defaultPace.join, time.Since(start))
			assert.Zero(t, h.Listeners())
		}
	})
}

func TestCallerGivesUpAtTheStart(t *testing.T) {
	inBubble(t, func(t *testing.T, a *air, h *Hub, threads *store.Threads) {
		a.set(true, false)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := h.Messages(ctx, threads, "one", "")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err = h.Changes(ctx, threads, "one", store.Read{})
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, store.ErrUnavailable)
		assert.Zero(t, h.Listeners())
	})
}

func TestCloseEndsStreamsThatAreStarting(t *testing.T) {
	inBubble(t, func(t *testing.T, a *air, h *Hub, threads *store.Threads) {
		a.set(true, false)
		errs := make(chan error, 2)
		go func() {
			_, err := h.Messages(t.Context(), threads, "one", "")
			errs <- err
		}()
		go func() {
			_, err := h.Changes(t.Context(), threads, "two", store.Read{})
			errs <- err
		}()
		synctest.Wait()
		assert.Equal(t, 2, h.Listeners())
		h.Close()
		assert.Zero(t, h.Listeners(), "Close has waited for them")
		for range 2 {
			require.ErrorIs(t, <-errs, store.ErrUnavailable)
		}
		_, err := h.Messages(t.Context(), threads, "one", "")
		require.ErrorIs(t, err, store.ErrUnavailable, "nor does one start after that")
		assert.Zero(t, h.Listeners())
		assert.False(t, h.enter(), "or Close would not know of it")
		h.Close() // does nothing
	})
}

// The race detector is what fails here, or goleak.
func TestCloseWhileStreamsStart(t *testing.T) {
	t.Parallel()
	for range 20 {
		w := newWorld(t)
		var starting sync.WaitGroup
		for range 20 {
			starting.Go(func() {
				s, err := w.hub.Messages(t.Context(), w.threads, thread, "")
				if err != nil {
					assert.ErrorIs(t, err, store.ErrUnavailable)
					return
				}
				_, err = s.Next()
				assert.ErrorIs(t, err, context.Canceled)
			})
		}
		w.hub.Close()
		assert.Zero(t, w.hub.Listeners())
		starting.Wait()
	}
}

func TestListenersAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ears []*ear
	for range 5 {
		ears = append(ears, w.listen(""))
	}
	ctx, cancel := context.WithCancel(t.Context())
	changes := sees(t, ctx, w.hub, w.threads)
	for left, e := range slices.Backward(ears) {
		assert.Equal(t, left+2, w.hub.Listeners())
		e.cancel()
		require.NoError(t, e.ends(), "the caller knows that he has ended it")
	}
	assert.Equal(t, 1, w.hub.Listeners())
	cancel()
	_, open := receive(t, changes.C)
	assert.False(t, open)
	require.NoError(t, changes.Err())
	assert.Zero(t, w.hub.Listeners())

	_, err := w.hub.Messages(t.Context(), w.threads, "none", "")
	require.ErrorIs(t, err, store.ErrNotFound)
	assert.Zero(t, w.hub.Listeners(), "one that could not start is none")
	w.listen("")
	w.hub.Close()
	assert.Zero(t, w.hub.Listeners())
}

// kept counts the topics there are, and those of them that linger.
func (h *Hub) kept() (topics, lingering int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(slices.Collect(h.topics())), h.lingering
}

// requireNothingLeft wants no topic, and no subscription.
func requireNothingLeft(t *testing.T, a *air, h *Hub) {
	t.Helper()
	synctest.Wait()
	topics, lingering := h.kept()
	assert.Zero(t, topics)
	assert.Zero(t, lingering)
	a.await(t, "no subscription", func() bool { return len(a.wires[len(a.wires)-1].subscribed) == 0 })
}

// A page that is reloaded leaves its thread and comes back at once.
func TestATopicLingers(t *testing.T) {
	inBubble(t, func(t *testing.T, a *air, h *Hub, threads *store.Threads) {
		h.pace.linger = defaultPace.linger
		first := h.join(threads, "one")
		synctest.Wait()
		assert.Len(t, a.last().took(), 1)
		h.leave(first)
		time.Sleep(defaultPace.linger - 1)
		a.publish(store.Event{Channel: threads.Channel("one"), Kind: store.Updated, Epoch: "e", Seq: 1, Version: 1})
		synctest.Wait()
		second := h.join(threads, "one")
		assert.Same(t, first.topic, second.topic)
		assert.Equal(t, 1, second.topic.view().head.Seq, "it has heard what was announced meanwhile")
		time.Sleep(2 * defaultPace.linger)
		assert.Empty(t, a.last().took(), "it is listened to")
		h.leave(second)
		time.Sleep(defaultPace.linger)
		synctest.Wait()
		assert.Equal(t, "unsubscribe", a.last().took()[0].name)
		requireNothingLeft(t, a, h)
	})
}

func TestFewTopicsLinger(t *testing.T) {
	inBubble(t, func(t *testing.T, a *air, h *Hub, threads *store.Threads) {
		h.pace.linger = defaultPace.linger
		for i := range mostLingering + 500 {
			h.leave(h.join(threads, fmt.Sprint(i)))
			topics, _ := h.kept()
			assert.LessOrEqual(t, topics, mostLingering)
		}
		_, lingering := h.kept()
		assert.Equal(t, mostLingering, lingering)
		time.Sleep(defaultPace.linger)
		requireNothingLeft(t, a, h)
	})
}

// Ten thousand times a second somebody comes and goes, and nothing is left of it.
func TestComingAndGoing(t *testing.T) {
	inBubble(t, func(t *testing.T, a *air, h *Hub, threads *store.Threads) {
		h.pace.linger = defaultPace.linger
		for i := range 30_000 {
			f := h.join(threads, fmt.Sprint(i%50))
			if i%10 == 0 {
				synctest.Wait()
			}
			h.leave(f)
			time.Sleep(100 * time.Microsecond)
		}
		time.Sleep(defaultPace.linger)
		requireNothingLeft(t, a, h)
		assert.Empty(t, h.lines[store.Whole].dirty)
		assert.Len(t, a.last().took(), 2*50, "each was subscribed to once, and left once")
	})
}

type keepsakeKey struct{}

// A listener that goes without asking once more leaves nothing behind, least of all the operation that its context belongs to.
func TestAListenerThatGoesIsForgotten(t *testing.T) {
	t.Parallel()
	for name, goes := range map[string]func(s *Stream[*store.Message], cancel func()){
		"one that has waited ends its context": func(s *Stream[*store.Message], cancel func()) {
			_, err := s.Next()
			require.NoError(t, err)
			cancel()
		},
		"one that was told when to ask leaves": func(s *Stream[*store.Message], cancel func()) {
			s.Notify(func() {})
			_, ok, err := s.Poll()
			require.NoError(t, err)
			assert.True(t, ok)
			cancel()
			s.Leave()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.say()
			keepsake := func() weak.Pointer[[64]int] {
				value := new([64]int)
				ctx, cancel := context.WithCancel(context.WithValue(t.Context(), keepsakeKey{}, value))
				s, err := w.hub.Messages(ctx, w.threads, thread, w.cursor(0))
				require.NoError(t, err)
				goes(s, cancel)
				return weak.Make(value)
			}()
			assert.Eventually(t, func() bool {
				runtime.GC()
				return w.hub.Listeners() == 0 && keepsake.Value() == nil
			}, patience, time.Millisecond)
		})
	}
}
