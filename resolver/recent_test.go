package resolver

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRecent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recent[int]
		looks := 0
		look := func(context.Context) int {
			time.Sleep(100 * time.Millisecond)
			looks++
			return looks
		}
		crowd := func(want int) {
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					got, err := r.get(t.Context(), look)
					require.NoError(t, err)
					assert.Equal(t, want, got)
				})
			}
			all.Wait()
		}
		crowd(1)
		time.Sleep(recentFor - time.Nanosecond)
		crowd(1)
		time.Sleep(time.Nanosecond)
		crowd(2)
		assert.Equal(t, 2, looks)
	})
}

// TestRecentIsMadeForAll: who asks first may go, and is not held up by an answer that does not come.
func TestRecentIsMadeForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recent[error]
		look := func(ctx context.Context) error {
			<-ctx.Done() // as a Redis that does not answer
			return ctx.Err()
		}
		leaving, leave := context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		began := time.Now()
		_, err := r.get(leaving, look)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Millisecond, time.Since(began))
		told, err := r.get(t.Context(), look)
		require.NoError(t, err)
		require.ErrorIs(t, told, context.DeadlineExceeded, "by the time that looking has")
		assert.Equal(t, lookTimeout, time.Since(began))
	})
}
