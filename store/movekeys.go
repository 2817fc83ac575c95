package store

import (
	"slices"
	"strings"
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
