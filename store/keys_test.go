package store

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slotOf gives the cluster slot of a hash tag: CRC16 (XMODEM) modulo 16,384.
// https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model
func slotOf(tag string) int {
	crc := uint16(0)
	for i := range len(tag) {
		crc ^= uint16(tag[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc) % 16384
}

func TestBucketsAreSpread(t *testing.T) {
	t.Parallel()
	require.Equal(t, 12739, slotOf("123456789"), "the example of the specification: 0x31C3")
	const share = 16384 / len(buckets)
	for b, tag := range buckets {
		assert.InDelta(t, b*share+share/2, slotOf(tag), float64(share)/32, "bucket %d lies in the middle of its sixteenth", b)
	}
	for masters := 1; masters <= len(buckets); masters++ {
		held := make([]int, masters)
		for _, tag := range buckets {
			held[slotOf(tag)*masters/16384]++
		}
		for _, n := range held {
			assert.InDelta(t, float64(len(buckets))/float64(masters), n, 1, "%d masters hold %v", masters, held)
		}
	}
}

func TestThreadsAreSpreadOverBuckets(t *testing.T) {
	t.Parallel()
	const n = 16_000
	for _, form := range []string{"%d", "thread-%06d", "018f4e6a-7c00-7000-8000-%012x", "%d%%"} {
		held := make([]int, len(buckets))
		for i := range n {
			held[bucketOf("ann", fmt.Sprintf(form, i))]++
		}
		for _, got := range held {
			assert.InEpsilon(t, n/len(buckets), got, 0.25, "%s: %v", form, held)
		}
	}
}

// The bucket of a thread is part of where its data lies: another hash would lose every thread that there is.
func TestTheLayoutStays(t *testing.T) {
	t.Parallel()
	keys := keyspace{prefix: "thread"}.thread("a:b%", "c:{d}")
	assert.Equal(t, []string{
		"thread:{eko}:t:a%3Ab%25:c:{d}", "thread:{eko}:m:a%3Ab%25:c:{d}", "thread:{eko}:i:a%3Ab%25:c:{d}", "thread:{eko}:u:a%3Ab%25", "thread:{eko}:x:a%3Ab%25",
		"thread:{eko}:l:a%3Ab%25", "thread:{eko}:o", "thread:{eko}:c:a%3Ab%25:c:{d}",
	}, keys.forScript())
	assert.Equal(t, 14, keys.bucket)
}

func TestKeysOfAThreadShareASlot(t *testing.T) {
	t.Parallel()
	seen := make(map[string]string)
	for _, stranger := range strangers {
		for _, id := range append(strangeIDs, stranger.id) {
			keys := keyspace{prefix: "p"}.thread(stranger.owner, id)
			for _, key := range keys.forScript() {
				_, rest, _ := strings.Cut(key, "{")
				tag, _, _ := strings.Cut(rest, "}")
				assert.Equal(t, buckets[keys.bucket], tag, "the first braces of a key are its bucket's")
			}
			for _, key := range []string{keys.record, keys.messages, keys.ids, keys.channel} {
				name := fmt.Sprintf("%q %q", stranger.owner, id)
				assert.Equal(t, name, max(seen[key], name), "a key has one thread")
				seen[key] = name
			}
		}
	}
}
