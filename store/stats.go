package store

import "sync/atomic"

// Pool is what there is of connections, in a cluster those to all nodes together. Hits, Misses, Waits and Timeouts count since the start.
type Pool struct {
	// Open are the connections there are, Idle those of them that nobody uses.
	Open, Idle int
	// Hits counts the calls that found a connection, Misses those for which one had to be made.
	Hits, Misses int64
	// Waits counts the calls that had to wait for one, Timeouts those that waited in vain.
	Waits, Timeouts int64
	// Stale counts the connections that were found broken or too old.
	Stale int64
}

// Pool gives the connections as they are. It asks nobody.
func (s *Store) Pool() Pool {
	p := s.rdb.PoolStats()
	return Pool{
		Open: int(p.TotalConns), Idle: int(p.IdleConns), Hits: int64(p.Hits), Misses: int64(p.Misses),
		Waits: int64(p.WaitCount), Timeouts: int64(p.Timeouts), Stale: int64(p.StaleConns),
	}
}

// removals counts the threads that this store has cleared away since it was opened.
type removals struct{ expired, cleaned atomic.Int64 }

// Expired counts the threads that were cleared away after their expiry, and Cleaned those that a Cleanup has removed for their age: both
// by this process, since the store was opened.
func (s *Store) Expired() int64 { return s.removed.expired.Load() }

// Cleaned counts the threads that a Cleanup has removed for their age.
func (s *Store) Cleaned() int64 { return s.removed.cleaned.Load() }
