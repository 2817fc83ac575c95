package feed

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"agentstate/store"
)

func TestCheckFindsWhatWasTheLastToBeAnnounced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e, s := w.listen(""), w.watch(store.Read{})
	w.say() // before anything was heard
	w.hub.check(t.Context())
	e.gets(1)
	w.gives(s, store.Updated)
	w.tell(w.say())
	e.gets(2)
	w.gives(s, store.Updated)
	w.say() // and behind what was heard
	w.hub.check(t.Context())
	e.gets(3)
	w.gives(s, store.Updated)
	w.update()
	w.hub.check(t.Context())
	w.gives(s, store.Updated)
	w.tell(w.say())
	e.gets(4)
	assert.EqualValues(t, 2, w.hub.Gaps(Check), "the first look has shown no gap: nothing was heard before")
	assert.Zero(t, w.hub.Gaps(Connection))
	assert.EqualValues(t, 4+4, w.hub.Deliveries())
	assert.Positive(t, w.hub.CatchUps())
}

func TestCheckFindsThatTheThreadIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, impatient)
	e, s := w.listen(""), w.watch(store.Read{})
	topic := w.topic()
	w.tell(w.say())
	e.gets(1)
	w.gives(s, store.Updated)
	w.remove()
	before := topic.view()
	w.hub.check(t.Context())
	assert.Equal(t, before, topic.view(), "that of one which has expired is announced a little later")
	w.hub.check(t.Context())
	requireExpired(t, e.ends())
	w.gives(s, store.Deleted)
	gone := topic.view()
	w.hub.check(t.Context())
	assert.Equal(t, gone, topic.view(), "once")
	w.create()
	w.hub.check(t.Context())
	w.gives(s, store.Created)
}

// topic is that of the thread.
func (w *world) topic() *topic {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	return w.hub.lines[store.Whole].topics[w.channel()]
}

func TestCheckFindsWhatCameBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.watch(store.Read{})
	w.tell(w.remove())
	w.gives(s, store.Deleted)
	w.create()
	w.hub.check(t.Context())
	w.gives(s, store.Created)
	w.lapse()
	w.hub.check(t.Context()) // one that finds nothing does not count when another finds something
	w.create()
	w.hub.check(t.Context())
	w.gives(s, store.Created)
	for range 2 { // nor when something is announced
		before := w.topic().view()
		w.remove()
		w.hub.check(t.Context())
		assert.Equal(t, before, w.topic().view())
		w.tell(w.create())
		w.gives(s, store.Created)
	}
}

func TestCheckLeavesAloneWhatIsInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say()
	e := w.listen("")
	topic := w.topic()
	w.hub.check(t.Context())
	first := topic.view()
	assert.Equal(t, 1, first.doubts, "the subscription; who has everything need not read")
	assert.Equal(t, w.now, first.head)
	w.hub.check(t.Context())
	assert.Equal(t, first, topic.view())
	for range 3 {
		w.tell(w.say())
	}
	e.gets(4)
	w.hub.check(t.Context())
	assert.Len(t, topic.look(store.Cursor{Epoch: w.now.Epoch, Seq: 1}).next, 3, "the ring stays")
	assert.Equal(t, 1, topic.view().doubts)
}

// What Redis announced and lost in a failover shows in the check, even if nothing is ever written again.
func TestCheckFindsWhatRedisHasLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.listen("")
	w.tell(w.say())
	e.gets(1)
	topic := w.topic()
	lost := store.Event{Channel: w.channel(), Kind: store.Updated, Epoch: w.now.Epoch, Seq: 2, Version: 3}
	w.tell(lost)
	w.settle()
	w.hub.check(t.Context())
	v := topic.view()
	assert.Equal(t, w.now, v.head)
	assert.Equal(t, 2, v.doubts)
	w.tell(w.say())
	e.gets(2)
}

func TestCheckIsNotMisledByALateEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, impatient)
	late := w.remove()
	w.create()
	e := w.listen("")
	w.tell(w.say(), late)
	e.gets(1)
	w.settle()
	w.hub.check(t.Context())
	w.remove()
	w.hub.check(t.Context())
	w.hub.check(t.Context())
	requireExpired(t, e.ends())
}

func TestCheckLeavesAloneWhatIsNewer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.listen("")
	topic := w.topic()
	older := topic.view()
	said := w.say()
	w.tell(said)
	e.gets(1)
	newer := topic.view()
	for _, found := range []store.Head{{}, {Epoch: said.Epoch, Version: 1}} { // as it was read ahead of that
		topic.compare(older, found)
		topic.compare(older, found)
		assert.Equal(t, newer, topic.view())
	}
}

func TestCheckIsMadeNowAndThen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(p *pace) { p.check = 5 * time.Millisecond })
	e := w.listen("")
	w.say()
	e.gets(1)
	w.say()
	e.gets(2)
}

func TestCheckLeavesAloneWhatIsNotSubscribedYet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.air.set(true, false)
	f := w.hub.join(w.threads, thread)
	defer w.hub.leave(f)
	w.hub.check(t.Context())
	assert.Equal(t, view{}, f.topic.view())
}
