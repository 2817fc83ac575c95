package store

// Blueprint tells where threads lie in Redis and how a message is added to one. It is for the programs of bench/ that talk to Redis
// themselves, to be compared with: what they measure means something only as long as they do the very same commands.
type Blueprint struct {
	// Buckets are the hash tags, in order.
	Buckets []string
	// RecordFields are the fields of a record that every read asks for.
	RecordFields []string
	// AppendSource is the script that adds messages, AppendSHA the name that Redis gives it.
	AppendSource, AppendSHA string
	// Peek is how many of the threads that expire next a listing looks at in each bucket.
	Peek int

	keys keyspace
}

// BlueprintOf is the layout of a store with a prefix.
func BlueprintOf(prefix string) Blueprint {
	keys := newKeyspace(prefix, DefaultOptions().Buckets)
	return Blueprint{
		Buckets: keys.buckets, RecordFields: baseFields, AppendSource: appendScript.source, AppendSHA: appendScript.sha, Peek: peek,
		keys: keys,
	}
}

// BlueprintKeys are the keys of a thread.
type BlueprintKeys struct {
	Record, Messages, Channel string
	// Script are the keys that every script about the thread takes.
	Script []string
}

// Thread gives the keys of a thread.
func (b Blueprint) Thread(owner, threadID string) BlueprintKeys {
	keys := b.keys.thread(owner, threadID)
	return BlueprintKeys{Record: keys.record, Messages: keys.messages, Channel: keys.channel, Script: keys.forScript()}
}

// Updated and Expires give the indexes of a bucket by update and by expiry.
func (b Blueprint) Updated(bucket int, owner string) string { return b.keys.updated(bucket, owner) }

// Expires is the index by expiry, see Updated.
func (b Blueprint) Expires(bucket int, owner string) string { return b.keys.expires(bucket, owner) }

// Share is how many entries of each bucket a listing reads at first for a page of so many.
func (b Blueprint) Share(page int) int { return share(page+1, len(b.Buckets)) }
