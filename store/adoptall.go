package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// adoptStep is about how many keys one step of SCAN looks at.
	adoptStep = 500
	// adoptWorkers is how many documents are adopted at a time by AdoptAll, which bounds its memory.
	adoptWorkers = 8
	// adoptExamples bounds the documents that a report names.
	adoptExamples = 1000
	// sweepFailures in a row end a sweep, and AdoptAll: then it is Redis that fails, and not one document, which must not hold up those behind it.
	sweepFailures = 3
)

// eachOld visits the ids of the threads of which there may be a document, node by node, in bounded steps. One may come twice.
func (a *adopter) eachOld(ctx context.Context, visit func(threadID string) error) error {
	nodes, err := a.s.masters(ctx)
	if err != nil {
		return translate(err)
	}
	prefix := a.s.keys.oldKey("")
	for _, node := range nodes {
		cursor := uint64(0)
		for {
			keys, next, err := node.ScanType(ctx, cursor, globEscaper.Replace(prefix)+"*", adoptStep, "string").Result()
			if err != nil {
				return translate(err)
			}
			for _, key := range keys {
				id := strings.TrimPrefix(key, prefix)
				if a.s.keys.isMark(id) {
					continue
				}
				if err := visit(id); err != nil {
					return err
				}
			}
			if cursor = next; cursor == 0 {
				break
			}
		}
	}
	return nil
}

// startSweeping looks for documents at once, and then every interval with some jitter, until stop.
func (a *adopter) startSweeping(every time.Duration) {
	if every <= 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	a.running.Go(func() {
		for {
			a.sweep(ctx)
			select {
			case <-ctx.Done():
				return
			case <-time.After(every/2 + rand.N(every)): //nolint:gosec // jitter needs no secrecy
			}
		}
	})
}

func (a *adopter) stop() {
	a.cancel()
	a.running.Wait()
}

// sweep adopts all documents that there are, and logs how many, and where that fails and did not before.
func (a *adopter) sweep(ctx context.Context) {
	count, failures := 0, 0
	var failure error
	err := a.eachOld(ctx, func(threadID string) error {
		found, err := a.adopt(ctx, threadID)
		if found == adopted {
			count++
		}
		if err == nil {
			failures = 0
			return nil
		}
		failure = fmt.Errorf("%q: %w", a.s.keys.oldKey(threadID), err)
		if failures++; failures == sweepFailures || ctx.Err() != nil {
			return failure
		}
		return nil
	})
	if err == nil {
		err = failure
	}
	if count > 0 {
		a.s.opts.Log.Info("threads of the replaced service were adopted", "threads", count)
	}
	switch {
	case ctx.Err() != nil:
		return
	case err != nil && !a.failing:
		a.s.opts.Log.Warn("looking for threads of the replaced service fails, and is tried again until it works; lists and counts may lack some", "error", err)
	case err == nil && a.failing:
		a.s.opts.Log.Info("looking for threads of the replaced service works again")
	}
	a.failing = err != nil
}

// Adopting says how AdoptAll adopts.
type Adopting struct {
	// Owner is whose threads they become.
	Owner string
	// DryRun reads everything and changes nothing.
	DryRun bool
	// Progress, where it is set, hears how many of how many documents were looked at. It is called by one goroutine at a time.
	Progress func(done, total int)
}

// AdoptReport is what came of AdoptAll.
type AdoptReport struct {
	DryRun bool `json:"dryRun"`
	// Documents is how many there were.
	Documents int `json:"documents"`
	// Adopted are now threads, or in a dry run would be. AlreadyThere had been adopted before, and were left over by a crash between.
	Adopted      int `json:"adopted"`
	AlreadyThere int `json:"alreadyThere"`
	// Left are those of threads that were written to here, and NotUnderstood those that this program cannot read; they stay as they are.
	Left          int `json:"left"`
	NotUnderstood int `json:"notUnderstood"`
	// Expired are gone since they were counted: their time has come, or a server has adopted them.
	Expired int `json:"expired"`
	// Problems are the first thousand of those that stay, in the order of their keys.
	Problems []AdoptProblem `json:"problems"`
}

// AdoptProblem is a document that stays, with the place of what is wrong with it.
type AdoptProblem struct {
	Key   string `json:"key"`
	Place string `json:"place"`
	Why   string `json:"reason"`
}

// Complete tells whether no document stays.
func (r *AdoptReport) Complete() bool { return r.Left == 0 && r.NotUnderstood == 0 }

// AdoptAll adopts all threads of the replaced service. It may be interrupted and run again, and servers may run meanwhile. With an error
// the report says what was done before it.
func (s *Store) AdoptAll(ctx context.Context, o Adopting) (*AdoptReport, error) {
	r := &AdoptReport{DryRun: o.DryRun, Problems: []AdoptProblem{}}
	if err := checkOwner(o.Owner); err != nil {
		return r, err
	}
	a := newAdopter(s, o.Owner)
	if err := a.eachOld(ctx, func(string) error { r.Documents++; return nil }); err != nil {
		return r, err
	}
	var mu sync.Mutex
	done, own, failures := 0, 0, 0
	var failure error
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(adoptWorkers)
	scanErr := a.eachOld(ctx, func(threadID string) error {
		g.Go(func() error {
			outcome, why, err := a.try(ctx, threadID, o.DryRun)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failure = fmt.Errorf("adopt %q: %w", a.s.keys.oldKey(threadID), err)
				if failures++; failures == sweepFailures || ctx.Err() != nil {
					return failure
				}
				return nil
			}
			failures = 0
			if r.count(outcome, why); outcome == ownKey {
				own++
			}
			if done++; o.Progress != nil {
				o.Progress(done, max(done, r.Documents))
			}
			return nil
		})
		return ctx.Err()
	})
	err := g.Wait()
	r.Documents = max(r.Documents, done)
	err = firstOf(err, scanErr, failure)
	if err == nil {
		r.Expired += r.Documents - done
	}
	r.Documents -= own
	slices.SortFunc(r.Problems, func(a, b AdoptProblem) int { return strings.Compare(a.Key, b.Key) })
	return r, err
}

func (r *AdoptReport) count(outcome adoption, why *OldDocumentError) {
	switch outcome {
	case adopted:
		r.Adopted++
	case adoptedBefore:
		r.AlreadyThere++
	case otherThread:
		r.Left++
	case notUnderstood:
		r.NotUnderstood++
	case noDocument:
		r.Expired++
	case ownKey:
	}
	if why != nil && len(r.Problems) < adoptExamples {
		r.Problems = append(r.Problems, AdoptProblem{Key: why.Key, Place: why.Place, Why: why.Why})
	}
}
