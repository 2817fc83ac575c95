package store

// slotCount is how many hash slots a cluster has.
// https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model
const slotCount = 16384

// Bounds of the number of buckets, which is a power of two. A list asks every bucket, so that many of them cost what few do not; with
// fewer than a cluster has masters, some of these have nothing to do.
const (
	DefaultBuckets = 16
	MaxBuckets     = 256
)

// sixteenTags are the hash tags of sixteen buckets, as they have been from the first version on. Their slots lie near the middles of
// the sixteenths of the slots of a cluster, so that the buckets fall evenly on any number of masters up to sixteen.
var sixteenTags = []string{
	"04s", "15s", "26s", "37s", "40s", "51s", "62s", "73s", "83r", "92r", "aoo", "b1h", "c00", "d7h", "eko", "fy5",
}

// ValidBuckets tells whether there can be so many buckets.
func ValidBuckets(n int) bool { return n >= 1 && n <= MaxBuckets && n&(n-1) == 0 }

// bucketTags gives the hash tags of n buckets: for each the first text whose slot is the middle of the bucket's share of all slots.
// They are part of where data lies: a change of this function would lose every thread that there is (TestTagsStay).
func bucketTags(n int) []string {
	if n == len(sixteenTags) {
		return sixteenTags
	}
	tags := make([]string, n)
	share := slotCount / n
	for i, missing := 0, n; missing > 0; i++ {
		tag := tagText(i)
		if slot := slotOf(tag); slot%share == share/2 && tags[slot/share] == "" {
			tags[slot/share] = tag
			missing--
		}
	}
	return tags
}

// tagText gives the texts of three and more characters in their order: 000, 001, …, 00z, 010, …, zzz, 1000, ….
func tagText(i int) string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	text := make([]byte, 0, 4)
	for ; i > 0 || len(text) < 3; i /= len(digits) {
		text = append([]byte{digits[i%len(digits)]}, text...)
	}
	return string(text)
}

// slotOf gives the cluster slot of a hash tag: CRC16 (XMODEM) modulo the number of slots.
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
	return int(crc) % slotCount
}
