package store

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func TestConcurrentWritersLoseNothing(t *testing.T) {
	const writers, each = 64, 20
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		var g errgroup.Group
		for w := range writers {
			g.Go(func() error {
				for n := range each {
					m := say(fmt.Sprintf("%d.%d", w, n), "x")
					appended, err := th.Append(t.Context(), "one", Append{Messages: []*Message{m}, CreateIfMissing: true}, nil)
					if err != nil {
						return err
					}
					if appended.Duplicates != 0 || appended.Messages[0].MessageID != m.MessageID {
						return fmt.Errorf("%s: %+v", m.MessageID, appended)
					}
				}
				return nil
			})
		}
		require.NoError(t, g.Wait())

		state, err := th.Get(t.Context(), "one", Read{Pages: []PageKey{MessagesOf(Range{First: 2 * writers * each}, nil)}})
		require.NoError(t, err)
		assert.Equal(t, writers*each, state.Seq)
		assert.Equal(t, writers*each, state.Version)
		assert.Equal(t, MessageCounts{Total: writers * each, Human: writers * each}, state.MessageCounts)
		messages := state.Pages[MessagesOf(Range{First: 2 * writers * each}, nil)].Messages
		assert.Equal(t, numberRange(1, writers*each), seqs(messages))
		next := make([]int, writers)
		for _, m := range messages {
			var w, n int
			_, err := fmt.Sscanf(m.MessageID, "%d.%d", &w, &n)
			require.NoError(t, err)
			assert.Equal(t, next[w], n, "writer %d keeps its order", w)
			next[w]++
		}
	})
}

func TestConcurrentWritersOfOneMessage(t *testing.T) {
	const writers = 32
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		results := make([]*Appended, writers)
		var g errgroup.Group
		for w := range writers {
			g.Go(func() (err error) {
				results[w], err = th.Append(t.Context(), "one", Append{Messages: numbered(1, 3), CreateIfMissing: true}, nil)
				return err
			})
		}
		require.NoError(t, g.Wait())
		fresh := 0
		for _, r := range results {
			assert.Equal(t, results[0].Messages, r.Messages)
			fresh += 3 - r.Duplicates
		}
		assert.Equal(t, 3, fresh)
		assert.Equal(t, 1, mustGet(t, th, "one").Version)
	})
}

func TestOnlyOneOfConcurrentCreatorsMakesIt(t *testing.T) {
	const writers = 32
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		errs := make([]error, writers)
		var g errgroup.Group
		for w := range writers {
			g.Go(func() error {
				_, errs[w] = th.Create(t.Context(), "one", Create{Context: fmt.Sprint(w)}, Read{})
				return nil
			})
		}
		require.NoError(t, g.Wait())
		made := 0
		for w, err := range errs {
			if err == nil {
				made++
				assert.Equal(t, fmt.Sprint(w), mustGet(t, th, "one").Context)
				continue
			}
			require.ErrorIs(t, err, ErrExists)
		}
		assert.Equal(t, 1, made)
	})
}

// Of those that start from the same version, one wins; so a counter kept by read and write comes out right.
func TestExpectedVersionKeepsWritersApart(t *testing.T) {
	const writers, each = 8, 5
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		mustCreate(t, th, "one")
		var g errgroup.Group
		for range writers {
			g.Go(func() error {
				for done := 0; done < each; {
					state, err := th.Get(t.Context(), "one", Read{Context: true})
					if err != nil {
						return err
					}
					longer := state.Context + "x"
					_, err = th.Update(t.Context(), "one", Update{Context: &longer, ExpectedVersion: &state.Version}, nil)
					switch err.(type) { //nolint:errorlint // the very type is what is expected
					case nil:
						done++
					case *ConflictError:
					default:
						return err
					}
				}
				return nil
			})
		}
		require.NoError(t, g.Wait())
		state := mustGet(t, th, "one")
		assert.Len(t, state.Context, writers*each)
		assert.Equal(t, 1+writers*each, state.Version)
	})
}
