package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every number of buckets falls evenly on any number of masters that it suffices for.
func TestBucketsAreSpread(t *testing.T) {
	t.Parallel()
	require.Equal(t, 12739, slotOf("123456789"), "the example of the specification: 0x31C3")
	for n := 1; n <= MaxBuckets; n *= 2 {
		tags := bucketTags(n)
		require.Len(t, tags, n)
		share := slotCount / n
		for b, tag := range tags {
			assert.InDelta(t, b*share+share/2, slotOf(tag), float64(share)/32, "bucket %d of %d lies in the middle of its share", b, n)
		}
		for masters := 1; masters <= n; masters++ {
			held := make([]int, masters)
			for _, tag := range tags {
				held[slotOf(tag)*masters/slotCount]++
			}
			for _, got := range held {
				assert.InDelta(t, float64(n)/float64(masters), got, 1, "%d masters hold %v", masters, held)
			}
		}
	}
}

// The tags are part of where data lies.
func TestTagsStay(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"fjl"}, bucketTags(1))
	assert.Equal(t, []string{"5nw", "h85", "7l1", "b3k"}, bucketTags(4))
	sum := sha256.Sum256([]byte(strings.Join(slices.Concat(bucketTags(2), bucketTags(8), bucketTags(16), bucketTags(32), bucketTags(64), bucketTags(128), bucketTags(256)), " ")))
	assert.Equal(t, "f739a867b3a63d1a9668fa3c7594e83a569acd048a3336599b97c5b263c60901", hex.EncodeToString(sum[:]))
}

func TestValidBuckets(t *testing.T) {
	t.Parallel()
	for n := -1; n <= 1024; n++ {
		assert.Equal(t, slices.Contains([]int{1, 2, 4, 8, 16, 32, 64, 128, 256}, n), ValidBuckets(n), n)
	}
}

func TestThreadsAreSpreadOverBuckets(t *testing.T) {
	t.Parallel()
	const n = 16_000
	for _, buckets := range []int{2, 16, 64} {
		keys := newKeyspace("p", buckets)
		for _, form := range []string{"%d", "thread-%06d", "018f4e6a-7c00-7000-8000-%012x", "%d%%"} {
			held := make([]int, buckets)
			for i := range n {
				held[keys.bucketOf("ann", fmt.Sprintf(form, i))]++
			}
			for _, got := range held {
				assert.InEpsilon(t, n/buckets, got, 0.3, "%s: %v", form, held)
			}
		}
	}
}

// The bucket of a thread is part of where its data lies: another hash would lose every thread that there is.
func TestTheLayoutStays(t *testing.T) {
	t.Parallel()
	keys := newKeyspace("thread", DefaultBuckets).thread("a:b%", "c:{d}")
	assert.Equal(t, []string{
		"thread:{eko}:t:a%3Ab%25:c:{d}", "thread:{eko}:m:a%3Ab%25:c:{d}", "thread:{eko}:i:a%3Ab%25:c:{d}", "thread:{eko}:u:a%3Ab%25", "thread:{eko}:x:a%3Ab%25",
		"thread:{eko}:l:a%3Ab%25", "thread:{eko}:o", "thread:{eko}:c:a%3Ab%25:c:{d}", "thread:{eko}:e:a%3Ab%25:c:{d}",
	}, keys.forScript())
	assert.Equal(t, 14, keys.bucket)
}

func TestKeysOfAThreadShareASlot(t *testing.T) {
	t.Parallel()
	seen := make(map[string]string)
	for _, stranger := range strangers {
		for _, id := range append(strangeIDs, stranger.id) {
			keys := newKeyspace("p", DefaultBuckets).thread(stranger.owner, id)
			for _, key := range keys.forScript() {
				_, rest, _ := strings.Cut(key, "{")
				tag, _, _ := strings.Cut(rest, "}")
				assert.Equal(t, sixteenTags[keys.bucket], tag, "the first braces of a key are its bucket's")
			}
			for _, key := range []string{keys.record, keys.messages, keys.ids, keys.channel, keys.edits} {
				name := fmt.Sprintf("%q %q", stranger.owner, id)
				assert.Equal(t, name, max(seen[key], name), "a key has one thread")
				seen[key] = name
			}
		}
	}
}
