package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// The versions of the layout: of the keys, of what is in them (keys.go), and of how changes are announced. A change that older programs
// would misread raises it.
const (
	layoutClassic = 1
	// layoutSharded differs in the announcements alone (sharded.go).
	layoutSharded = 2
)

// Layout is how threads lie in Redis. It is written there on first use, and whoever comes with another one is refused: under another
// number of buckets every thread would be looked for elsewhere.
type Layout struct {
	Version int `json:"version"`
	Buckets int `json:"buckets"`
}

func (l Layout) String() string { return fmt.Sprintf("layout=%d buckets=%d", l.Version, l.Buckets) }

// parseLayout reads what String writes.
func parseLayout(text string) (Layout, error) {
	var l Layout
	if _, err := fmt.Sscanf(text, "layout=%d buckets=%d", &l.Version, &l.Buckets); err != nil || l.String() != text {
		return Layout{}, errors.New("unknown form")
	}
	return l, nil
}

// LayoutError says that Redis is in use with another layout than this store's. No call works until either changes.
type LayoutError struct {
	Prefix     string
	Want, Have Layout
	// Unread is the text in Redis where it is none of a layout.
	Unread string
	// Refused says what Redis refuses that the layout needs.
	Refused string
}

func (e *LayoutError) Error() string {
	switch {
	case e.Refused != "":
		return e.Refused
	case e.Unread != "":
		return fmt.Sprintf("The key %s:layout in Redis is not one of agentstate: give this server another REDIS_KEY_PREFIX, or delete that key if only agentstate uses the prefix.", e.Prefix)
	case e.Have.Version == layoutSharded && e.Want.Version == layoutClassic:
		return fmt.Sprintf("The threads in Redis under the prefix %[1]q are those of a cluster: name its nodes in REDIS_ADDRS; where they were moved from one to this Redis for good, set its key %[1]s:layout to %[2]q.",
			e.Prefix, Layout{Version: layoutClassic, Buckets: e.Have.Buckets})
	case e.Have.Version != e.Want.Version && !e.Have.becomes(e.Want.Version):
		return fmt.Sprintf("The threads in Redis under the prefix %q have layout %d, and this program knows layout %d: run the version of agentstate that wrote them, or give this one another REDIS_KEY_PREFIX.",
			e.Prefix, e.Have.Version, e.Want.Version)
	default:
		return fmt.Sprintf("The threads in Redis under the prefix %q lie in %d buckets, and REDIS_BUCKETS is %d: set REDIS_BUCKETS=%d, or give this server another REDIS_KEY_PREFIX; the number cannot change while threads exist.",
			e.Prefix, e.Have.Buckets, e.Want.Buckets, e.Have.Buckets)
	}
}

// readLayout gives the layout that Redis has, where it has one. Threads without one are of a version that had sixteen buckets and
// wrote none, or of a Redis that has lost the key.
func (s *Store) readLayout(ctx context.Context) (l Layout, found bool, err error) {
	text, err := s.rdb.Get(ctx, s.keys.layout()).Result()
	if err == nil {
		if l, err = parseLayout(text); err != nil {
			return Layout{}, true, &LayoutError{Prefix: s.opts.Prefix, Want: s.layout(), Unread: text}
		}
		return l, true, nil
	}
	if !errors.Is(err, redis.Nil) {
		return Layout{}, false, translate(err)
	}
	if s.opts.Buckets == DefaultBuckets {
		return Layout{}, false, nil // then it is right, or nobody's
	}
	first := newKeyspace(s.opts.Prefix, DefaultBuckets)
	used := make([]*redis.IntCmd, DefaultBuckets)
	if _, err = s.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for b := range used {
			used[b] = pipe.Exists(ctx, first.owners(b))
		}
		return nil
	}); err != nil {
		return Layout{}, false, translate(err)
	}
	for _, cmd := range used {
		if cmd.Val() > 0 {
			return Layout{Version: layoutClassic, Buckets: DefaultBuckets}, true, nil
		}
	}
	return Layout{}, false, nil
}

// layout is this store's.
func (s *Store) layout() Layout {
	l := Layout{Version: layoutClassic, Buckets: s.opts.Buckets}
	if s.sharded {
		l.Version = layoutSharded
	}
	return l
}

// becomes tells whether threads with a layout serve as they are under another version of it.
func (l Layout) becomes(version int) bool {
	return l.Version == version || l.Version == layoutClassic && version == layoutSharded
}

// claimLayout writes this store's layout where Redis has none, and compares it with the one that it has; of several that come at once
// with different ones one wins. claimed tells that this call has written it. Errors: ErrUnavailable, *LayoutError.
func (s *Store) claimLayout(ctx context.Context) (claimed bool, err error) {
	have, found, err := s.readLayout(ctx)
	if err != nil {
		return false, err
	}
	want := s.layout()
	if s.sharded && !s.publishes && (!found || have.Buckets == want.Buckets) {
		if s.publishes, err = s.tryPublish(ctx); err != nil {
			return false, err
		}
	}
	if !found {
		// Read first: a Redis that is full refuses SET, and has the key.
		if claimed, err = s.rdb.SetNX(ctx, s.keys.layout(), want.String(), 0).Result(); err != nil {
			return false, translate(err)
		}
		if claimed {
			return true, nil
		}
		if have, _, err = s.readLayout(ctx); err != nil {
			return false, err
		}
	}
	if have != want && have.Buckets == want.Buckets && have.becomes(want.Version) {
		return false, s.raiseLayout(ctx, have)
	}
	if have != want {
		return false, &LayoutError{Prefix: s.opts.Prefix, Want: want, Have: have}
	}
	return false, nil
}

// raiseScript writes ARGV[2] in the place of ARGV[1], of a Redis that is full too. It is for Redis 7.0 and later, as all clusters are here.
const raiseScript = `#!lua flags=allow-oom
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) end
return redis.call('GET', KEYS[1])`

// raiseLayout writes this store's layout in the place of an older one, whose programs serve no more from when they see it.
func (s *Store) raiseLayout(ctx context.Context, have Layout) error {
	text, err := s.rdb.Eval(ctx, raiseScript, []string{s.keys.layout()}, have.String(), s.layout().String()).Text()
	if err != nil {
		return translate(err)
	}
	if text != s.layout().String() {
		return fmt.Errorf("%w: the layout has just changed to %q", ErrUnavailable, text)
	}
	s.opts.Log.Info("what happens on this cluster is announced by sharded pub/sub from now on: servers of versions that do not know it stop serving", "prefix", s.opts.Prefix)
	return nil
}
