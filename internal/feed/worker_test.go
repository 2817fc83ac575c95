package feed

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

// Whatever comes while a step ends is seen by another one, and no two run at once.
func TestNoKickIsLost(t *testing.T) {
	t.Parallel()
	const kickers, each = 8, 5000
	synctest.Test(t, func(t *testing.T) {
		var w worker
		var asked, done, under atomic.Int64
		w.begin(func() bool {
			assert.Equal(t, int64(1), under.Add(1))
			done.Store(asked.Load())
			under.Add(-1)
			return true
		})
		var running sync.WaitGroup
		for range kickers {
			running.Go(func() {
				for range each {
					asked.Add(1)
					w.kick()
					runtime.Gosched()
				}
			})
		}
		running.Wait()
		synctest.Wait()
		assert.Equal(t, int64(kickers*each), done.Load())
		assert.Equal(t, idle, w.state.Load())
	})
}

func TestAWorkerBeginsAndIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w worker
		w.kick() // nothing to do yet
		steps := 0
		w.begin(func() bool { steps++; return steps < 3 })
		for range 5 {
			synctest.Wait()
			w.kick()
		}
		synctest.Wait()
		assert.Equal(t, 3, steps, "one from the beginning, and none when it is over")
	})
}
