package store

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Keys that are there only while threads are adopted or imported.

// oldKey is where the replaced service kept a thread.
func (k keyspace) oldKey(threadID string) string { return k.prefix + ":" + threadID }

// isOwn tells whether a key that is a string may be one of this store's.
func (k keyspace) isOwn(key string) bool {
	return key == k.layout() || strings.HasPrefix(key, k.document("")) || strings.HasPrefix(key, k.rate(""))
}

// buried is the mark of a thread that was deleted a moment ago, see adopter.
func (k keyspace) buried(owner, threadID string) string {
	return k.bucketKey(k.bucketOf(owner, threadID), "a:"+ownerEscaper.Replace(owner)+":"+threadID)
}

// isMark tells whether what stands behind the prefix of a key is one of these marks.
func (k keyspace) isMark(rest string) bool {
	tag, rest, ok := strings.Cut(strings.TrimPrefix(rest, "{"), "}:")
	return ok && strings.HasPrefix(rest, "a:") && slices.Contains(k.buckets, tag)
}

// aside are where messages of a thread of a bucket and their ids wait for the rest of it.
func (k keyspace) aside(bucket int, token string) [2]string {
	return [2]string{k.bucketKey(bucket, "s:m:"+token), k.bucketKey(bucket, "s:i:"+token)}
}

// validThreadID tells whether a text may be the id of a thread, or of a message: what the API's doors let in (internal/bounds), so that nothing
// comes in here that none of them would find again.
func validThreadID(id string) bool {
	return id != "" && validOwner(id) && !strings.ContainsAny(id, "\u2028\u2029")
}

// validOwner tells whether a text may name an owner (internal/auth); the empty one is that of AUTH_MODE none.
func validOwner(owner string) bool {
	return len(owner) <= 255 && utf8.ValidString(owner) && !strings.ContainsFunc(owner, unicode.IsControl)
}

// checkOwner refuses an owner whose threads nobody could ask for, and no file bring back.
func checkOwner(owner string) error {
	if !validOwner(owner) {
		return fmt.Errorf("%.300q names no owner: give at most 255 bytes of text without control characters", owner)
	}
	return nil
}
