package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// percent is the rule that garbage is collected by now.
func percent() int {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return int(sample[0].Value.Uint64())
}

// TestRoomForGarbage does not run beside others: what it looks at is of the whole process.
func TestRoomForGarbage(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	kept := make([]byte, 1<<20)

	makeRoom([]string{"GOGC=250"})()
	runtime.GC()
	assert.Equal(t, 100, percent(), "who runs the process has said what they want")

	stop := makeRoom([]string{"PATH=/bin"})
	for range 3 { // behind each collection, not the first alone
		debug.SetGCPercent(100)
		require.Eventually(t, func() bool { runtime.GC(); return percent() > 100 }, time.Minute, time.Millisecond)
	}
	stop()
	runtime.GC()
	assert.Equal(t, 100, percent())
	runtime.KeepAlive(kept)
}

func TestPercentFor(t *testing.T) {
	for alive, want := range map[uint64]int{0: 4800, 1 << 20: 4800, 8 << 20: 600, 48 << 20: 100, 1 << 40: 100} {
		assert.Equal(t, want, percentFor(alive), "%d bytes", alive)
	}
}
