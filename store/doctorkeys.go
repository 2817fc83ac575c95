package store

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// doctorStep is about how many keys, or entries of an index, the doctor looks at in one round trip.
const doctorStep = 200

// foundKey is a key of the store, taken apart. The id is that of records, messages and ids alone.
type foundKey struct {
	bucket    int
	kind      string
	owner, id string
}

// parse takes a key of a bucket apart. It is not ok for one that is no key of a bucket; the bucket is -1 where there is none of its tag.
func (k keyspace) parse(key string) (found foundKey, ok bool) {
	rest, ok := strings.CutPrefix(key, k.prefix+":{")
	if !ok {
		return foundKey{}, false
	}
	tag, rest, ok := strings.Cut(rest, "}:")
	if !ok {
		return foundKey{}, false
	}
	found.bucket = slices.Index(k.buckets, tag)
	found.kind, rest, _ = strings.Cut(rest, ":")
	if slices.Contains([]string{"t", "m", "i", "e"}, found.kind) {
		rest, found.id, ok = strings.Cut(rest, ":")
	}
	found.owner = ownerUnescaper.Replace(rest)
	return found, ok
}

// ownerUnescaper undoes ownerEscaper.
var ownerUnescaper = strings.NewReplacer("%25", "%", "%3A", ":")

// globEscaper makes a text stand for itself in a pattern of SCAN.
var globEscaper = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)

// examineKeys goes through all keys of the store, node by node.
func (d *doctor) examineKeys(ctx context.Context) error {
	nodes, err := d.s.masters(ctx)
	if err != nil {
		return translate(err)
	}
	for _, node := range nodes {
		size, err := node.DBSize(ctx).Result()
		if err != nil {
			return translate(err)
		}
		d.total += size
	}
	for _, node := range nodes {
		if err := d.scan(ctx, node); err != nil {
			return err
		}
	}
	return nil
}

// masters gives the clients of the servers that have keys.
func (s *Store) masters(ctx context.Context) ([]*redis.Client, error) {
	cluster, ok := s.rdb.(*redis.ClusterClient)
	if !ok {
		return []*redis.Client{s.rdb.(*redis.Client)}, nil
	}
	var mu sync.Mutex
	var all []*redis.Client
	err := cluster.ForEachMaster(ctx, func(_ context.Context, client *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, client)
		return nil
	})
	slices.SortFunc(all, func(a, b *redis.Client) int { return cmp.Compare(a.Options().Addr, b.Options().Addr) })
	return all, err
}

// scan goes through the keys of one node.
func (d *doctor) scan(ctx context.Context, node *redis.Client) error {
	cursor := uint64(0)
	for {
		keys, next, err := node.Scan(ctx, cursor, globEscaper.Replace(d.s.opts.Prefix)+":{*", doctorStep).Result()
		if err != nil {
			return translate(err)
		}
		if err := d.examineSome(ctx, keys); err != nil {
			return err
		}
		if d.report.Examined.Keys += int64(len(keys)); d.Progress != nil {
			d.Progress(d.report.Examined.Keys, d.total)
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// examineSome looks at some keys: threads and what may be left of them together, each index by itself.
func (d *doctor) examineSome(ctx context.Context, keys []string) error {
	var threads []sighting
	for _, key := range keys {
		k, ok := d.s.keys.parse(key)
		if !ok {
			continue
		}
		if k.bucket < 0 {
			d.add("other-buckets", Problem, "There are keys in buckets that this layout does not have, of a server with another REDIS_BUCKETS; their threads are seen by nobody: export them with that number, or delete the keys.", key)
			continue
		}
		var err error
		switch k.kind {
		case "t", "m", "i", "e":
			if d.s.keys.bucketOf(k.owner, k.id) != k.bucket {
				d.add("misplaced", Problem, "There are keys of threads in a bucket that is not theirs, of a server with another REDIS_BUCKETS; nobody sees them: export them with that number, or delete the keys.", key)
				continue
			}
			threads = append(threads, sighting{threadName{k.owner, k.id}, k.kind})
		case "u", "x", "l":
			err = d.examineIndex(ctx, key, k)
		case "o":
			err = d.examineOwners(ctx, key, k.bucket)
		}
		if err != nil {
			return err
		}
	}
	return d.examineThreads(ctx, threads)
}

// examineIndex looks for entries of an index whose thread is not there.
func (d *doctor) examineIndex(ctx context.Context, key string, k foundKey) error {
	cursor := uint64(0)
	for {
		pairs, next, err := d.s.rdb.ZScan(ctx, key, cursor, "", doctorStep).Result()
		if err != nil {
			return translate(err)
		}
		var entries []sighting
		for i := 0; i+1 < len(pairs); i += 2 {
			if d.s.keys.bucketOf(k.owner, pairs[i]) != k.bucket {
				d.add("misplaced-entries", Problem, "An index has entries of threads of another bucket, of a server with another REDIS_BUCKETS; delete them by ZREM.", key)
				continue
			}
			entries = append(entries, sighting{threadName{k.owner, pairs[i]}, k.kind})
		}
		d.report.Examined.Entries += int64(len(pairs) / 2)
		if err := d.examineThreads(ctx, entries); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// examineOwners looks for owners of a bucket who have no threads in it. They cost every tick of the servers' cleaning a command.
func (d *doctor) examineOwners(ctx context.Context, key string, bucket int) error {
	cursor := uint64(0)
	for {
		owners, next, err := d.s.rdb.SScan(ctx, key, cursor, "", doctorStep).Result()
		if err != nil {
			return translate(err)
		}
		calls := make([]call, len(owners))
		for i, owner := range owners {
			k := d.s.keys
			keys := []string{k.byID(bucket, owner), k.updated(bucket, owner), k.expires(bucket, owner), key}
			calls[i] = call{script: examineOwner(d.Fix), keys: keys, args: []any{owner, d.mode()}}
		}
		err = d.s.runAll(ctx, calls, func(i int, _ string, r reply) {
			if r.int(0) == 1 {
				d.found("empty-owner", threadName{owner: owners[i]})
			}
		})
		if err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}
