package metrics

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
)

// key is what a table finds things by: one text or two.
type key [2]string

// table finds what was made for a key: without a lock and without an allocation where it was made before. Once there are as many as
// there may be, further keys share what is made for the last one.
type table[V any] struct {
	known atomic.Pointer[map[key]V]
	most  int
	last  key
	make  func(key) V
	mu    sync.Mutex // of who adds
}

func newTable[V any](most int, last key, makeOne func(key) V) *table[V] {
	t := &table[V]{most: most, last: last, make: makeOne}
	t.known.Store(&map[key]V{})
	return t
}

// of gives what is for a key.
func (t *table[V]) of(k key) V {
	known := *t.known.Load()
	if v, ok := known[k]; ok {
		return v
	}
	if len(known) > t.most { // the last one is among them
		return known[t.last]
	}
	return t.add(k)
}

// add makes what is for a key, unless somebody was faster, and copies the table: keys are few, and new once. A new key gets texts of its
// own: that of an operation is a part of its document, which would be kept with it.
func (t *table[V]) add(k key) V {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := *t.known.Load()
	if len(known) >= t.most {
		k = t.last
	}
	if v, ok := known[k]; ok {
		return v
	}
	k = key{strings.Clone(k[0]), strings.Clone(k[1])}
	v := t.make(k)
	grown := maps.Clone(known)
	grown[k] = v
	t.known.Store(&grown)
	return v
}
