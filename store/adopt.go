package store

import (
	"context"
	"crypto/sha1" //nolint:gosec // it tells whether a document is the one that was read; nothing is secured by it
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/redis/go-redis/v9"
)

//go:embed scripts/adopt.lua
var luaAdopt string

//go:embed scripts/dropold.lua
var luaDropOld string

var (
	adoptScript   = newScript(luaAdopt, true)
	dropOldScript = newScript(luaDropOld, true)
)

// Adopt says whether threads of the replaced service are adopted.
type Adopt struct {
	Enabled bool
	// Owner is whose threads they become.
	Owner string
	// Interval is how often it is looked for documents that nobody has asked for; 0 for never.
	Interval time.Duration
}

// adopter turns documents of the replaced service (olddocument.go) into threads, each at its first touch and all of them in the
// background, so that lists and counts know them.
//
// One script does it where document and thread are on one server: it compares, writes the thread, removes the document and tells
// the listeners, or does nothing. On a cluster the document lies in another slot. There the script writes the thread together with the
// document's hash, and a second one removes the document if it still has that hash. Whoever comes between them, or after a crash between
// them, finds the thread with the hash, and does what is left. A thread that is deleted leaves a mark for a minute, and a document that was
// read more than half a minute ago is read again, so that nobody who is slow brings a deleted thread back.
type adopter struct {
	s     *Store
	owner string

	// there are threads that were seen lately: what is written to them needs no look at the document.
	there *lru.Cache[string, struct{}]
	// told are the complaints that were logged, by the document's key.
	told *lru.Cache[string, string]

	cancel  context.CancelFunc
	running sync.WaitGroup
	failing bool
}

const (
	// rememberedThreads bounds both of the adopter's memories.
	rememberedThreads = 10_000
	// adoptAttempts bounds how often a document is read again because the replaced service writes to it.
	adoptAttempts = 20
	// buriedFor is how long a deleted thread is not adopted on a cluster; longer than a reader of the document may be late (adopt.lua).
	buriedFor = time.Minute
)

// newAdopter makes an adopter; startSweeping and stop are for what it does in the background.
func newAdopter(s *Store, owner string) *adopter {
	a := &adopter{s: s, owner: owner, cancel: func() {}}
	a.there, _ = lru.New[string, struct{}](rememberedThreads) // the error is for sizes below one
	a.told, _ = lru.New[string, string](rememberedThreads)
	return a
}

// adoption is what came of the adoption of a thread.
type adoption int

const (
	noDocument adoption = iota
	adopted
	// adoptedBefore says that the thread had been adopted, and its document was left over from that.
	adoptedBefore
	// otherThread says that the thread is there, and was written to here, so that the document was left.
	otherThread
	notUnderstood
	// ownKey says that what looked like a document is something that this store keeps.
	ownKey
)

// there tells whether there is a thread behind it.
func (a adoption) there() bool { return a == adopted || a == adoptedBefore || a == otherThread }

// oldDocumentRead is a document as it was read.
type oldDocumentRead struct {
	text, hash string
	// at is the time of Redis, and expires that of the document in milliseconds, -1 for never.
	at      time.Time
	expires int64
}

// read reads the document of a thread; found is false where there is none. What this store keeps under such a key is none.
func (a *adopter) read(ctx context.Context, threadID string) (d oldDocumentRead, found bool, err error) {
	key := a.s.keys.oldKey(threadID)
	var text *redis.StringCmd
	var due *redis.DurationCmd
	var clock *redis.TimeCmd
	err = a.s.readTx(ctx, func(pipe redis.Pipeliner) {
		text, due, clock = pipe.Get(ctx, key), pipe.PExpireTime(ctx, key), pipe.Time(ctx)
	})
	switch {
	case redis.HasErrorPrefix(text.Err(), "WRONGTYPE"), errors.Is(text.Err(), redis.Nil):
		return d, false, nil
	case err != nil:
		return d, false, err
	}
	// A rate is a number, and a GraphQL document may begin like an object but is none.
	if a.s.keys.isOwn(key) && (!strings.HasPrefix(text.Val(), "{") || !json.Valid([]byte(text.Val()))) {
		return d, false, nil
	}
	d = oldDocumentRead{text: text.Val(), hash: hashOf(text.Val()), at: clock.Val(), expires: -1}
	if due.Val() > 0 {
		d.expires = due.Val().Milliseconds()
	}
	return d, true, nil
}

func hashOf(text string) string {
	sum := sha1.Sum([]byte(text)) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}

// adopt adopts a thread if there is a document of it. Why one stays as it is is logged once; an error is of Redis. One round trip where
// there is no document, and two on one server otherwise.
func (a *adopter) adopt(ctx context.Context, threadID string) (adoption, error) {
	outcome, why, err := a.try(ctx, threadID, false)
	if why != nil {
		a.tell(why.Key, why.Error())
	}
	if err == nil && outcome == noDocument {
		// Somebody else may have adopted it since it was not found.
		there, err := a.s.rdb.Exists(ctx, a.s.keys.thread(a.owner, threadID).record).Result()
		if err != nil {
			return outcome, translate(err)
		}
		if there > 0 {
			outcome = adoptedBefore
		}
	}
	return outcome, err
}

// try is adopt without the log: it gives why a document stays. A dry run says what would come of it.
func (a *adopter) try(ctx context.Context, threadID string, dryRun bool) (adoption, *OldDocumentError, error) {
	key := a.s.keys.oldKey(threadID)
	for range adoptAttempts {
		d, found, err := a.read(ctx, threadID)
		if err == nil && !found && a.s.keys.isOwn(key) {
			return ownKey, nil, nil
		}
		if err != nil || !found {
			return noDocument, nil, err
		}
		t, err := parseOldThread(threadID, []byte(d.text), a.s.opts.TTL)
		if wrong, ok := errors.AsType[*OldDocumentError](err); ok {
			wrong.Key = key
			return notUnderstood, wrong, nil
		}
		if err != nil {
			return noDocument, nil, err
		}
		status := ""
		if dryRun {
			status, err = a.foresee(ctx, threadID, d.hash)
		} else {
			status, err = a.write(ctx, threadID, t, d)
		}
		switch {
		case err != nil:
			return noDocument, nil, err
		case status == "OK":
			return adopted, nil, nil
		case status == "SAME":
			return adoptedBefore, nil, nil
		case status == "EXISTS":
			return otherThread, &OldDocumentError{Key: key, Why: writtenSince}, nil
		case status == "GONE", status == "DELETED":
			return noDocument, nil, nil
		}
	}
	return noDocument, nil, ErrUnavailable // the document changes all the time
}

// foresee tells the status that adopt.lua would give for a document.
func (a *adopter) foresee(ctx context.Context, threadID, hash string) (string, error) {
	var clock *redis.TimeCmd
	var record *redis.SliceCmd
	fields := []string{"expires", "version", "adopted"}
	err := a.s.readTx(ctx, func(pipe redis.Pipeliner) {
		clock, record = pipe.Time(ctx), pipe.HMGet(ctx, a.s.keys.thread(a.owner, threadID).record, fields...)
	})
	if err != nil {
		return "", err
	}
	in := recordReader{values: valuesOf(fields, record)}
	switch {
	case !in.time("expires").After(clock.Val()):
		return "OK", in.err
	case in.values["adopted"] == hash:
		return "SAME", in.err
	case in.values["adopted"] == "" || in.int("version") > 1:
		return "EXISTS", in.err
	}
	return "OK", in.err
}

// writtenSince is why a document of a thread that is there is not adopted.
const writtenSince = "belongs to a thread that was written to here since: delete one of the two"

// write runs adopt.lua, and on a cluster dropold.lua behind it.
func (a *adopter) write(ctx context.Context, threadID string, t *oldThread, d oldDocumentRead) (string, error) {
	key := a.s.keys.oldKey(threadID)
	last, read := key, "here"
	if a.s.mode == Cluster {
		last, read = a.s.keys.buried(a.owner, threadID), formatScore(d.at.UnixMicro())
	}
	fields := t.fields(a.s.opts.NewEpoch(), d.hash)
	args := make([]any, 0, 8+len(fields)+2*len(t.ids))
	args = append(args, a.owner, threadID, d.hash, read, d.expires, int64(t.ttl/time.Second), len(fields)/2)
	args = append(append(args, fields...), len(t.ids))
	for _, id := range t.ids {
		args = append(args, id)
	}
	for _, element := range t.elements {
		args = append(args, element)
	}
	keys := append(a.s.keys.thread(a.owner, threadID).forScript(), last)
	status, _, err := a.s.runNow(ctx, call{script: adoptScript, keys: keys, args: args}, nil)
	if err != nil || a.s.mode != Cluster || status != "OK" && status != "SAME" {
		return status, err
	}
	dropped, _, err := a.s.runNow(ctx, call{script: dropOldScript, keys: []string{key}, args: []any{d.hash}}, nil)
	if dropped == "CHANGED" {
		status = dropped
	}
	return status, err
}

// tell logs a complaint about a document, once.
func (a *adopter) tell(key, complaint string) {
	if before, ok := a.told.Get(key); ok && before == complaint {
		return
	}
	a.told.Add(key, complaint)
	a.s.opts.Log.Warn(complaint, "key", key)
}
