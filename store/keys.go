package store

import (
	"hash/fnv"
	"strings"
)

// The layout in Redis. P is the configured prefix, {b} the hash tag of one of the buckets, sixteen unless configured otherwise
// (tags.go): a thread belongs to the bucket that its owner and its id hash to, and all its keys, its index entries and its channel carry that bucket's tag, so that one
// script may touch them all on a cluster too.
//
//	P:{b}:t:<owner>:<id>  hash: epoch, seq, base, version, created, updated, expires, kept, ttl, relevant, context, plan,
//	                      toolcalls, metadata, and a count for each message type
//	P:{b}:m:<owner>:<id>  list: one element for each message, see element.go
//	P:{b}:i:<owner>:<id>  hash: message id -> sequence number
//	P:{b}:e:<owner>:<id>  list: the last changes of messages that were there already, see edits.go
//	P:{b}:u:<owner>       sorted set: thread id by the time of its last update, in microseconds
//	P:{b}:x:<owner>       sorted set: thread id by the time of its expiry, in microseconds
//	P:{b}:l:<owner>       sorted set: thread ids, all with score 0, for their order
//	P:{b}:o               set: the owners with threads in this bucket
//	P:{b}:c:<owner>:<id>  channel: what happens to the thread, see event.go
//	P:{b}:a:<owner>:<id>  string: on a cluster, that a thread was deleted a moment ago, see adopt.go
//	P:{b}:s:m:<token>     list: messages of a thread that is being imported; P:{b}:s:i:<token> a hash of their ids, see import.go
//	P:{b}:f:<random>:m,i  list and hash: messages and ids of a thread that is being made of another one, for ten minutes, see fork.go
//	P:layout              string: how many buckets there are, see layout.go
//	P:q:<hash>            string: a GraphQL document by its SHA-256, see document.go; of no bucket, so that they spread over a cluster
//	P:r:<caller>          string: by when a caller has made up for his requests, in microseconds, see rates.go; of no bucket either
//
// The documents of the service that this one replaces lie at P:<id>, see olddocument.go.
//
// A colon or percent sign in an owner or a caller is percent-escaped; the id comes last and stands as it is.

// keyspace makes every key of the store. buckets are the hash tags.
type keyspace struct {
	prefix  string
	buckets []string
	heads   []string // what the keys of a bucket begin with
}

func newKeyspace(prefix string, buckets int) keyspace {
	k := keyspace{prefix: prefix, buckets: bucketTags(buckets)}
	for _, tag := range k.buckets {
		k.heads = append(k.heads, prefix+":{"+tag+"}:")
	}
	return k
}

// ownerEscaper keeps an owner's name from running into the thread id behind it.
var ownerEscaper = strings.NewReplacer("%", "%25", ":", "%3A")

// bucketOf gives the number of the bucket of a thread.
func (k keyspace) bucketOf(owner, threadID string) int {
	h := fnv.New64a()
	_, _ = h.Write([]byte(owner))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(threadID))
	sum := h.Sum64()
	return int((sum ^ sum>>32) % uint64(len(k.buckets)))
}

func (k keyspace) bucketKey(bucket int, kind string) string {
	return k.heads[bucket] + kind
}

// owners is the set of the owners with threads in a bucket.
func (k keyspace) owners(bucket int) string { return k.bucketKey(bucket, "o") }

// updated, expires and byID are an owner's indexes in a bucket.
func (k keyspace) updated(bucket int, owner string) string { return k.index(bucket, "u", owner) }
func (k keyspace) expires(bucket int, owner string) string { return k.index(bucket, "x", owner) }
func (k keyspace) byID(bucket int, owner string) string    { return k.index(bucket, "l", owner) }

func (k keyspace) index(bucket int, kind, owner string) string {
	return k.heads[bucket] + kind + ":" + ownerEscaper.Replace(owner)
}

// layout is where the number of buckets is kept. It begins like no key of a bucket, and is in no bucket.
func (k keyspace) layout() string { return k.prefix + ":layout" }

// document is where the document of a hash is.
func (k keyspace) document(hash string) string { return k.prefix + ":q:" + hash }

// rate is where the requests of a caller are counted.
func (k keyspace) rate(caller string) string { return k.prefix + ":r:" + ownerEscaper.Replace(caller) }

// threadKeys are the keys of one thread.
type threadKeys struct {
	bucket                         int
	record, messages, ids, channel string
	edits                          string
	updated, expires, byID, owners string
}

func (k keyspace) thread(owner, threadID string) threadKeys {
	b := k.bucketOf(owner, threadID)
	head, escaped := k.heads[b], ownerEscaper.Replace(owner)
	return threadKeys{
		bucket:   b,
		record:   head + "t:" + escaped + ":" + threadID,
		messages: head + "m:" + escaped + ":" + threadID,
		ids:      head + "i:" + escaped + ":" + threadID,
		channel:  head + "c:" + escaped + ":" + threadID,
		edits:    head + "e:" + escaped + ":" + threadID,
		updated:  k.updated(b, owner),
		expires:  k.expires(b, owner),
		byID:     k.byID(b, owner),
		owners:   k.owners(b),
	}
}

// forScript lists the keys in the order in which scripts/lib.lua names them.
func (t threadKeys) forScript() []string {
	return []string{t.record, t.messages, t.ids, t.updated, t.expires, t.byID, t.owners, t.channel, t.edits}
}
