package metrics

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
)

func stringData(text string) *byte { return unsafe.StringData(text) }

func none() int { return 0 }

func never() int64 { return 0 }

// nothing is the sources of a server that does nothing.
var nothing = Sources{
	Listeners: none, Listened: none, Streams: none, Deliveries: never, CatchUps: never, Reconnections: never,
	Pool: func() Pool { return Pool{} }, Expired: never, Cleaned: never, Panics: never,
	Threads: func(context.Context) (int, bool) { return 0, false },
}

// However often somebody looks, Redis is asked for the number of threads once in a while.
func TestThreadsAreCountedNowAndThen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		c := &threads{count: func(ctx context.Context) (int, bool) {
			deadline, ok := ctx.Deadline()
			assert.True(t, ok && time.Until(deadline) <= threadsTime)
			asked++
			return 7, asked != 2
		}}
		collected := func() int {
			to := make(chan prometheus.Metric, 1)
			c.Collect(to)
			return len(to)
		}
		for range 5 {
			assert.Equal(t, 1, collected())
			time.Sleep(time.Second) // of the bubble's clock
		}
		assert.Equal(t, 1, asked)
		time.Sleep(threadsEvery)
		assert.Zero(t, collected(), "it is not known, which is not 0")
		time.Sleep(threadsEvery)
		assert.Equal(t, 1, collected())
		assert.Equal(t, 3, asked)
	})
}
