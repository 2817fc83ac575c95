package feed

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/store"
)

// watch starts a stream of changes that ends with the test.
func (w *world) watch(read store.Read) *piped[Change] {
	w.tb.Helper()
	s, err := w.hub.Changes(w.tb.Context(), w.threads, thread, read)
	require.NoError(w.tb, err)
	return pipe(s)
}

// gives wants the next change to be of a kind, and to have the version at which the thread now is, or was last.
func (w *world) gives(s *piped[Change], kind store.EventKind) Change {
	w.tb.Helper()
	change, open := receive(w.tb, s.C)
	require.True(w.tb, open)
	assert.Equal(w.tb, string(kind), string(change.Kind))
	assert.Equal(w.tb, w.now.Version, change.Version)
	if kind == store.Created || kind == store.Updated {
		require.NotNil(w.tb, change.State)
		assert.Equal(w.tb, w.now, change.State.Head())
	} else {
		assert.Nil(w.tb, change.State)
	}
	return change
}

func TestChangesOfAThread(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := store.MessagesOf(store.Range{Last: 10}, nil)
	s := w.watch(store.Read{Pages: []store.PageKey{page}})
	for range 2 { // its second life is as its first
		w.tell(w.update())
		w.gives(s, store.Updated)
		w.tell(w.say())
		change := w.gives(s, store.Updated)
		assert.Len(t, change.State.Pages[page].Messages, 1, "the thread comes as it was asked for")
		w.tell(w.add(3, 10))
		w.gives(s, store.Updated)
		w.tell(w.remove())
		w.gives(s, store.Deleted)
		w.tell(w.create())
		w.gives(s, store.Created)
		w.tell(w.expire())
		w.gives(s, store.Expired)
		w.tell(w.create())
		w.gives(s, store.Created)
	}
	_, err := w.hub.Changes(t.Context(), w.threads, "none", store.Read{})
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestChangesSurviveTheConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, impatient)
	s := w.watch(store.Read{})
	for _, step := range []struct {
		does func() store.Event
		kind store.EventKind
	}{
		{w.update, store.Updated},
		{w.say, store.Updated},
		{w.remove, store.Deleted},
		{w.create, store.Created},
	} {
		w.air.set(true, false)
		step.does() // nobody hears it
		w.air.set(false, false)
		w.gives(s, step.kind)
	}
}

// Each case is what happens between two looks of a listener; the last of it must show.
func TestChangesThatComeAsOne(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		does  []func(*world) store.Event
		kind  store.EventKind
		state bool
	}{
		{"nothing", nil, 0, false},
		{"a change", []func(*world) store.Event{(*world).update}, store.Updated, true},
		{"changes", []func(*world) store.Event{(*world).update, (*world).say, (*world).update}, store.Updated, true},
		{"its end", []func(*world) store.Event{(*world).remove}, store.Deleted, false},
		{"a change and its end", []func(*world) store.Event{(*world).say, (*world).update, (*world).expire}, store.Expired, false},
		{"another", []func(*world) store.Event{(*world).remove, (*world).create}, store.Created, true},
		{"another behind an expired one", []func(*world) store.Event{(*world).expire, (*world).create, (*world).say}, store.Created, true},
		{
			"another and its end",
			[]func(*world) store.Event{(*world).remove, (*world).create, (*world).say, (*world).say, (*world).expire},
			store.Expired, false,
		},
		{
			"a long one, and the end of a short one",
			[]func(*world) store.Event{(*world).say, (*world).say, (*world).expire, (*world).create, (*world).remove},
			store.Deleted, false,
		},
		{
			"two more",
			[]func(*world) store.Event{(*world).remove, (*world).create, (*world).expire, (*world).create, (*world).update},
			store.Created, true,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := w.watcher()
			for _, does := range test.does {
				w.tell(does(w))
			}
			w.settle()
			change := c.looks(t)
			assert.Equal(t, string(test.kind), string(change.Kind))
			assert.Equal(t, test.state || test.kind == 0, change.State != nil)
			assert.Equal(t, w.now.Version, change.Version)
			again := c.looks(t)
			assert.Zero(t, again.Kind, "once")
		})
	}
}

// watcher is a listener to changes that looks only when the test says so.
func (w *world) watcher() *changes {
	w.tb.Helper()
	f := w.hub.join(w.threads, thread)
	w.tb.Cleanup(func() { w.hub.leave(f) })
	c := &changes{follower: f}
	require.NoError(w.tb, c.start(w.tb.Context()))
	return c
}

func (c *changes) looks(tb testing.TB) Change {
	tb.Helper()
	c.seen = c.topic.view()
	change, err := c.look(tb.Context())
	require.NoError(tb, err)
	return change
}

func TestChangesUnheard(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		unheard func(w *world, c *changes)
		kind    store.EventKind
	}{
		{"deleted", func(w *world, _ *changes) { w.remove() }, store.Deleted},
		{"expired", func(w *world, c *changes) {
			w.lapse()
			c.expires = time.Now() // as it would be, had its time come by itself
		}, store.Expired},
		{"created anew", func(w *world, _ *changes) { w.remove(); w.create() }, store.Created},
		{"there again as it was", func(_ *world, c *changes) { c.gone = true }, store.Created},
		{"created anew and deleted", func(w *world, c *changes) {
			w.tell(w.remove(), w.create())
			w.settle()
			c.looks(w.tb)
			w.remove() // what was heard of the end of the first says nothing about this one
			c.head.Version = w.now.Version
		}, store.Deleted},
		{"created anew and expired", func(w *world, c *changes) {
			w.tell(w.remove(), w.create())
			w.settle()
			c.looks(w.tb)
			w.lapse()
			c.expires = time.Now()
		}, store.Expired},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, impatient)
			c := w.watcher()
			test.unheard(w, c)
			change := c.looks(t)
			assert.Equal(t, string(test.kind), string(change.Kind))
			assert.Equal(t, w.now.Version, change.Version)
		})
	}
}

func TestEndIsHeardAfterTheStoreSaysIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.watcher()
	w.update()
	gone := w.expire()
	result := make(chan Change, 1)
	go func() { result <- c.looks(t) }()
	c.waits(t)
	w.tell(gone)
	change, _ := receive(t, result)
	assert.Equal(t, Change{Kind: store.Expired, Version: 2}, change, "not the version that was read last, nor a guess")
}

func TestForgottenEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.watcher()
	gone := w.expire()
	gone.Epoch, gone.Seq, gone.Version = "", 0, 0
	w.tell(gone)
	w.settle()
	assert.Equal(t, Change{Kind: store.Expired, Version: 1}, c.looks(t))
}

func TestLateAnnouncementsChangeNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.watcher()
	late := []store.Event{w.update(), w.say(), w.remove(), w.create(), w.say()}
	change := c.looks(t)
	assert.Equal(t, string(store.Created), string(change.Kind))
	for _, e := range late {
		w.tell(e)
		w.settle()
		change = c.looks(t)
		assert.Zero(t, change.Kind)
	}
	s := w.watch(store.Read{})
	w.tell(late...)
	w.tell(w.update())
	w.gives(s, store.Updated)
}

func TestWhatIsKnownIsNotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.watcher()
	known := func(e store.Event) bool {
		w.tell(e)
		w.settle()
		return c.upToDate(c.topic.view())
	}
	update := w.update()
	c.looks(t)
	assert.True(t, known(update), "what was read before it was heard")
	assert.False(t, known(w.update()))
	c.looks(t)
	assert.False(t, known(w.joinAgain()))
	c.looks(t)
	assert.False(t, known(w.remove()))
	c.looks(t)
	assert.True(t, c.upToDate(c.topic.view()), "that it is gone is not told twice")
	assert.False(t, known(w.create()))
}
