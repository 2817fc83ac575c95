package httpapi

import (
	"container/list"
	"context"
	"hash/maphash"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"agentstate/internal/scalar"
)

// The bounds of the caches. Their bytes are those of the query texts; a parsed document takes some 15 times as much memory,
// so the documents stay below some 120 MiB.
const (
	maxDocuments      = 1000
	maxDocumentsBytes = 8 << 20
	maxDocumentBytes  = 64 << 10
)

// seenTexts is how many texts are remembered that have come once.
const seenTexts = 4096

// documents keeps parsed and validated documents by their text, from the second time on that a text comes: one that never comes again, as
// of a client that writes values into its documents, would drive out those that do, and cost every collection of garbage a walk
// through it. gqlgen adds none that it has refused.
type documents struct {
	schema *ast.Schema
	*cache[*ast.QueryDocument]

	seed maphash.Seed
	seen *lru.Cache[uint64, struct{}] // by their hashes: what is taken for another is kept a time too early
}

var _ graphql.Cache[*ast.QueryDocument] = documents{}

func newDocuments(schema *ast.Schema) documents {
	seen, err := lru.New[uint64, struct{}](seenTexts)
	if err != nil {
		panic(err) // of a size below 1
	}
	return documents{schema, newCache[*ast.QueryDocument](maxDocuments, maxDocumentsBytes, maxDocumentBytes), maphash.MakeSeed(), seen}
}

// Add prepares doc for execution, and keeps it if its text has come before and is small enough. gqlgen's executor calls it once for each document
// that it has parsed, ahead of the first execution (executor.parseQuery): the only place where a document can still be
// changed, since from here on requests share it. So the numbers are saved here even in documents that are not kept.
func (d documents) Add(ctx context.Context, query string, doc *ast.QueryDocument) {
	revealLargeNumbers(d.schema, doc)
	scalar.PreserveNumbers(doc)
	if before, _ := d.seen.ContainsOrAdd(maphash.String(d.seed, query), struct{}{}); before {
		d.cache.Add(ctx, query, doc)
	}
}

// cache keeps what was used last, within a number of entries and of bytes. The bytes of an entry are taken from its key, a
// query text, or from its value where that is a text or has a size. It can be used by many goroutines.
type cache[V any] struct {
	maxEntries, maxBytes, maxEntry int

	mu      sync.Mutex
	order   list.List // of *entry[V], last used first
	entries map[string]*list.Element
	bytes   int
}

type entry[V any] struct {
	key   string
	value V
	bytes int
}

// newCache gives an empty cache of at most maxEntries entries and maxBytes bytes, which keeps no entry of more than
// maxEntry bytes.
func newCache[V any](maxEntries, maxBytes, maxEntry int) *cache[V] {
	return &cache[V]{maxEntries: maxEntries, maxBytes: maxBytes, maxEntry: maxEntry, entries: map[string]*list.Element{}}
}

// Get gives the value of key, which counts as a use.
func (c *cache[V]) Get(_ context.Context, key string) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.entries[key]
	if !ok {
		return value, false
	}
	c.order.MoveToFront(element)
	return element.Value.(*entry[V]).value, true
}

// Add keeps value under key, in place of one that is there, and drops what was used longest ago until the bounds hold.
func (c *cache[V]) Add(_ context.Context, key string, value V) {
	size := len(key)
	switch v := any(value).(type) {
	case string:
		size += len(v)
	case interface{ size() int }:
		size += v.size()
	}
	if size > c.maxEntry {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if element, ok := c.entries[key]; ok {
		c.remove(element)
	}
	c.entries[key] = c.order.PushFront(&entry[V]{key: key, value: value, bytes: size})
	c.bytes += size
	for c.order.Len() > c.maxEntries || c.bytes > c.maxBytes {
		c.remove(c.order.Back())
	}
}

// remove drops an entry. The caller holds mu.
func (c *cache[V]) remove(element *list.Element) {
	e := c.order.Remove(element).(*entry[V])
	delete(c.entries, e.key)
	c.bytes -= e.bytes
}
