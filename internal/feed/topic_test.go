package feed

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"agentstate/store"
)

func newTopic(w *world) *topic {
	return &topic{threads: w.threads, threadID: thread, channel: w.channel(), counts: new(counts), followers: make(map[*follower]struct{})}
}

// life is what is announced of a thread from its creation to its end and its second creation.
func life(w *world) map[string]store.Event {
	events := map[string]store.Event{"join": {Channel: w.channel(), Joined: true}}
	events["1"] = w.say()
	events["2"] = w.say()
	events["3"] = w.say()
	events["change3"] = w.update()
	events["4"] = w.say()
	events["batch6"] = w.add(2, 10)
	events["7"] = w.say()
	events["large8"] = w.add(1, 2*inline)
	events["9"] = w.say()
	events["end9"] = w.remove()
	events["b0"] = w.create()
	events["b1"] = w.say()
	events["b2"] = w.say()
	events["bEnd2"] = w.expire()
	unknown := events["bEnd2"]
	unknown.Epoch, unknown.Seq, unknown.Version = "", 0, 0
	events["unknownEnd"] = unknown
	for _, name := range []string{"2", "3"} { // after a failover that lost messages
		other := events[name]
		other.Version += 10
		events["other"+name] = other
	}
	return events
}

func TestTopicTakesInWhatIsAnnounced(t *testing.T) {
	t.Parallel()
	events := life(newWorld(t))
	w := newWorld(t) // for the decoding
	tests := []struct {
		name   string
		events []string
		// head names the event after which the thread stands there; empty for nowhere known.
		head string
		ring []int
		// doubts is how often it must be looked at the store.
		doubts int
		gone   bool
	}{
		{"nothing", nil, "", nil, 0, false},
		{"one after the other", []string{"1", "2", "3"}, "3", []int{1, 2, 3}, 0, false},
		{"in the middle of its life", []string{"2", "3"}, "3", []int{2, 3}, 0, false},
		{"a change without a message", []string{"2", "3", "change3", "4"}, "4", []int{2, 3, 4}, 0, false},
		{"a gap", []string{"1", "3"}, "3", []int{3}, 0, false},
		{"a gap that a change shows", []string{"1", "2", "change3"}, "change3", nil, 0, false},
		{"a gap behind the change", []string{"3", "change3", "7"}, "7", []int{7}, 0, false},
		{"several at once", []string{"3", "4", "batch6"}, "batch6", nil, 0, false},
		{"behind several at once", []string{"4", "batch6", "7"}, "7", []int{7}, 0, false},
		{"a large one", []string{"7", "large8"}, "large8", nil, 0, false},
		{"behind a large one", []string{"7", "large8", "9"}, "9", []int{9}, 0, false},
		{"the same again", []string{"1", "2", "2"}, "2", []int{2}, 1, false},
		{"the same change again", []string{"3", "change3", "change3"}, "change3", nil, 1, false},
		{"late, behind a change", []string{"3", "change3", "3"}, "3", []int{3}, 1, false},
		{"late, the lower number", []string{"1", "3", "2"}, "2", []int{2}, 1, false},
		{"late, without a message", []string{"batch6", "7", "batch6"}, "batch6", nil, 1, false},
		{"another of the same number", []string{"1", "2", "3", "other3"}, "other3", []int{3}, 1, false},
		{"another of a lower number", []string{"1", "2", "3", "other2"}, "other2", []int{2}, 1, false},
		{"on behind a late one", []string{"1", "3", "2", "4"}, "4", []int{4}, 1, false},
		{"subscribed", []string{"join"}, "", nil, 1, false},
		{"subscribed again", []string{"1", "2", "join"}, "", nil, 1, false},
		{"behind a subscription", []string{"1", "2", "join", "3"}, "3", []int{3}, 1, false},
		{"the end", []string{"7", "large8", "9", "end9"}, "9", []int{9}, 1, true},
		{"the end, unheard where it stood", []string{"3", "end9"}, "3", []int{3}, 1, true},
		{"the end of what was never heard of", []string{"end9"}, "", nil, 1, true},
		{"created anew", []string{"9", "end9", "b0"}, "b0", nil, 2, false},
		{"created anew, and on", []string{"9", "end9", "b0", "b1"}, "b1", []int{1}, 2, false},
		{"another incarnation, its creation unheard", []string{"1", "b2"}, "b2", []int{2}, 1, false},
		{"the end of another incarnation", []string{"1", "2", "3", "bEnd2"}, "3", []int{1, 2, 3}, 1, true},
		{"late, of the incarnation before", []string{"b1", "9"}, "9", []int{9}, 1, false},
		{"the end, forgotten where it stood", []string{"9", "unknownEnd"}, "9", []int{9}, 1, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			topic := newTopic(w)
			for _, name := range test.events {
				topic.apply(events[name])
			}
			want := store.Head{}
			if test.head != "" {
				want = headOf(events[test.head])
			}
			var ring []int
			for _, m := range topic.ring {
				ring = append(ring, m.Seq)
				assert.Equal(t, want.Epoch, m.Epoch)
			}
			assert.Equal(t, want, topic.head)
			assert.Equal(t, test.ring, ring)
			assert.Equal(t, test.doubts, topic.doubts)
			assert.Equal(t, test.gone, topic.gone)
		})
	}
}

func TestTopicAsSeenFromACursor(t *testing.T) {
	t.Parallel()
	events := life(newWorld(t))
	w := newWorld(t)
	a, b := events["1"].Epoch, events["b1"].Epoch
	tests := []struct {
		name   string
		events []string
		cursor store.Cursor
		next   []int
		over   bool
		last   int
	}{
		{"at the head", []string{"1", "2"}, store.Cursor{Epoch: a, Seq: 2}, nil, false, 0},
		{"one behind", []string{"1", "2"}, store.Cursor{Epoch: a, Seq: 1}, []int{2}, false, 0},
		{"at the beginning of the ring", []string{"1", "2"}, store.Cursor{Epoch: a}, []int{1, 2}, false, 0},
		{"before the ring", []string{"2", "3"}, store.Cursor{Epoch: a}, nil, false, 0},
		{"ahead of what was heard", []string{"1", "2"}, store.Cursor{Epoch: a, Seq: 5}, nil, false, 0},
		{"of another incarnation", []string{"1", "2"}, store.Cursor{Epoch: b, Seq: 1}, nil, false, 0},
		{"nothing heard", nil, store.Cursor{Epoch: a}, nil, false, 0},
		{"at the end", []string{"9", "end9"}, store.Cursor{Epoch: a, Seq: 9}, nil, true, 9},
		{"a little before the end", []string{"9", "end9"}, store.Cursor{Epoch: a, Seq: 8}, []int{9}, true, 9},
		{"the end has more than was heard", []string{"1", "2", "3", "end9"}, store.Cursor{Epoch: a, Seq: 3}, nil, true, 9},
		{"the end of one who never heard", []string{"end9"}, store.Cursor{Epoch: a, Seq: 3}, nil, true, 9},
		{"created anew", []string{"9", "end9", "b0", "b1", "b2"}, store.Cursor{Epoch: a, Seq: 8}, nil, true, 9},
		{"the new one", []string{"9", "end9", "b0", "b1", "b2"}, store.Cursor{Epoch: b}, []int{1, 2}, false, 0},
		{"both ended", []string{"9", "end9", "b0", "bEnd2"}, store.Cursor{Epoch: a, Seq: 8}, nil, true, 9},
		{"of two ends each its own", []string{"9", "end9", "b0", "bEnd2"}, store.Cursor{Epoch: b, Seq: 2}, nil, true, 2},
		{"the end of another incarnation", []string{"1", "2", "3", "bEnd2"}, store.Cursor{Epoch: b}, nil, true, 2},
		{"an end told twice", []string{"end9", "b0", "end9"}, store.Cursor{Epoch: b}, nil, false, 0},
		{"the end, forgotten where it stood", []string{"9", "unknownEnd"}, store.Cursor{Epoch: a, Seq: 9}, nil, false, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			topic := newTopic(w)
			for _, name := range test.events {
				topic.apply(events[name])
			}
			s := topic.look(test.cursor)
			var next []int
			for _, m := range s.all() {
				next = append(next, m.Seq)
				assert.Equal(t, test.cursor.Epoch, m.Epoch)
			}
			assert.Equal(t, test.next, next)
			assert.Equal(t, test.over, s.over)
			assert.Equal(t, test.last, s.last)
		})
	}
}

func TestRingHoldsTheLastOnes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := newTopic(w)
	var held []*store.Message
	for seq := 1; seq <= ringSize+20; seq++ {
		topic.apply(w.say())
		next := topic.look(store.Cursor{Epoch: w.now.Epoch, Seq: max(seq-ringSize, 0)}).all()
		assert.Len(t, next, min(seq, ringSize))
		for i, m := range next {
			assert.Equal(t, max(seq-ringSize, 0)+i+1, m.Seq)
		}
		assert.Empty(t, topic.look(store.Cursor{Epoch: w.now.Epoch, Seq: seq - ringSize - 1}).all(), "it has not all of these")
		if seq == ringSize {
			held = next
		}
	}
	assert.Equal(t, 1, held[0].Seq, "what was given out stays as it is")
}

func TestEndsAreKeptForAWhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := newTopic(w)
	var epochs []store.Epoch
	for range 2 * endsKept {
		topic.apply(w.say())
		epochs = append(epochs, w.now.Epoch)
		e := w.remove()
		topic.apply(e)
		topic.apply(e) // is told twice, and is one
		topic.apply(w.create())
	}
	assert.Len(t, topic.ends, endsKept)
	for i, epoch := range epochs {
		assert.Equal(t, i >= endsKept, topic.look(store.Cursor{Epoch: epoch}).over, i)
	}
}

func TestListenersAreWokenAndNeverWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := newTopic(w)
	f := &follower{topic: topic, wake: make(chan struct{}, 1)}
	topic.followers[f] = struct{}{}
	events := life(w)
	for _, name := range []string{"join", "1", "2", "change3", "end9", "b0"} {
		topic.apply(events[name])
		topic.apply(events[name]) // the listener has not looked yet
		assert.Len(t, f.wake, 1, name)
		<-f.wake
	}
}

// TestGapsAreCounted: what was announced without a hole is none, be it several at once or too large to come along.
func TestGapsAreCounted(t *testing.T) {
	t.Parallel()
	events := life(newWorld(t))
	w := newWorld(t)
	for name, test := range map[string]struct {
		events                   []string
		announcement, connection int64
	}{
		"one after the other":  {[]string{"join", "1", "2", "3", "change3", "4", "batch6", "7", "large8", "9", "end9", "b0", "b1"}, 1, 0}, // another incarnation
		"one is missing":       {[]string{"1", "3"}, 1, 0},
		"a change is missing":  {[]string{"3", "4"}, 1, 0},
		"late":                 {[]string{"1", "3", "2", "4"}, 3, 0},
		"subscribed again":     {[]string{"join", "1", "join", "3"}, 0, 1},
		"nothing is known yet": {[]string{"7"}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			topic := newTopic(w)
			for _, event := range test.events {
				topic.apply(events[event])
			}
			assert.Equal(t, test.announcement, topic.counts.gaps[Announcement].Load(), "announcement")
			assert.Equal(t, test.connection, topic.counts.gaps[Connection].Load(), "connection")
		})
	}
}
