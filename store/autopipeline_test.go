package store

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

func autopipelined(o *Options) { o.Connection.Autopipeline = true }

// What is sent together comes out as what is sent alone: each message once, and each failure to its own caller.
func TestWritesGoTogether(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t, autopipelined)
		th := s.For("ann")
		const callers, each = 16, 20
		seen := watch(s)
		var all sync.WaitGroup
		var errs [callers]error
		sent := seen.of(func() {
			for w := range callers {
				all.Go(func() {
					for i := range each {
						_, err := th.Append(t.Context(), "t", Append{Messages: []*Message{say(fmt.Sprintf("m%d-%d", w, i), "x")}, CreateIfMissing: true}, nil)
						if err != nil {
							errs[w] = err
						}
					}
					wrong := 7777
					if _, err := th.Update(t.Context(), "t", Update{ExpectedVersion: &wrong}, nil); err == nil {
						errs[w] = assert.AnError
					}
				})
			}
			all.Wait()
		})
		assert.Equal(t, [callers]error{}, errs)
		assert.Equal(t, callers*each, mustGet(t, th, "t").Seq)
		largest := 0
		for _, trip := range sent {
			largest = max(largest, len(trip))
		}
		assert.Greater(t, largest, 1, "some of them went together")
	})
}

// A batch whose answer is lost is not sent again, neither by name nor with its source: all in it hear that nothing is known.
func TestWritesThatGoTogetherAreSentOnce(t *testing.T) {
	t.Parallel()
	straight := engines[1].open(t)
	proxy := redistest.NewProxy(t, straight.opts.Connection.Addrs[0])
	th := twin(t, straight, autopipelined, func(o *Options) { o.Connection.Addrs = []string{proxy.Addr()} }).For("ann")
	mustCreate(t, straight.For("ann"), "one")
	_, err := th.Update(t.Context(), "one", Update{}, nil) // Redis knows the script from here on
	require.NoError(t, err)
	proxy.CutAfterRequest(redistest.Contains("evalsha"))
	const callers = 8
	var all sync.WaitGroup
	var errs [callers]error
	for w := range callers {
		all.Go(func() {
			_, errs[w] = th.Update(t.Context(), "one", Update{AddPlan: &Plan{PlanID: fmt.Sprintf("p%d", w)}}, nil)
		})
	}
	all.Wait()
	failed := 0
	for _, err := range errs {
		if err != nil {
			require.ErrorIs(t, err, ErrUnavailable)
			failed++
		}
	}
	assert.Positive(t, failed)
	plans := make(map[string]int)
	for _, p := range mustGet(t, straight.For("ann"), "one").Plan {
		plans[p.PlanID]++
	}
	for id, n := range plans {
		assert.Equal(t, 1, n, "%s was sent twice", id)
	}
	_, err = th.Update(t.Context(), "one", Update{}, nil)
	require.NoError(t, err, "the next one works")
}

// A caller's deadline ends his wait, although go-redis goes on.
func TestWritesThatGoTogetherHaveDeadlines(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := engines[1].open(t, autopipelined, func(o *Options) {
		o.Connection.Addrs, o.Connection.Timeout = []string{server.Addr()}, time.Second
	})
	th := s.For("ann")
	mustCreate(t, th, "one")
	server.Pause()
	t.Cleanup(server.Resume)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := th.Update(ctx, "one", Update{}, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, ErrUnavailable)
	server.Resume()
	require.Eventually(t, func() bool { _, err := th.Update(t.Context(), "one", Update{}, nil); return err == nil }, eventPatience, 10*time.Millisecond)
}
