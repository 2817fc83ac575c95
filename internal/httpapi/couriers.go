package httpapi

import (
	"runtime"
	"sync"
)

// couriers are a few goroutines that send what there is for very many subscriptions: a listener that waits costs no goroutine, and a
// delivery no switch to another. They never wait, neither for an event nor for a client. There are as many as there are processors, while
// there is something to do, and none otherwise.
type couriers struct {
	mu sync.Mutex
	// ready are the operations that may have something, from next on.
	ready   []*wsOperation
	next    int
	working int
}

const (
	// courierBatch is how many operations a courier takes at once.
	courierBatch = 16
	// mostReady is how many that were served, and how much room for others, the list may hold on to.
	mostReady = 1024
)

// call lets a courier come to op. The caller has made sure that it is not called twice.
func (s *couriers) call(op *wsOperation) {
	s.mu.Lock()
	s.ready = append(s.ready, op)
	start := s.working < runtime.GOMAXPROCS(0)
	if start {
		s.working++
	}
	s.mu.Unlock()
	if start {
		go s.work() // ends when there is nothing to do
	}
}

func (s *couriers) work() {
	var batch [courierBatch]*wsOperation
	for {
		n := s.take(batch[:])
		if n == 0 {
			return
		}
		for _, op := range batch[:n] {
			op.serve()
		}
		clear(batch[:n])
	}
}

// take gives some operations; with none the courier has stopped working.
func (s *couriers) take(batch []*wsOperation) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := copy(batch, s.ready[s.next:])
	clear(s.ready[s.next : s.next+n])
	s.next += n
	switch {
	case s.next == len(s.ready) && cap(s.ready) > mostReady:
		s.ready, s.next = nil, 0
	case s.next == len(s.ready), s.next > mostReady: // what is left moves up: it must not grow where there is always something
		left := copy(s.ready, s.ready[s.next:])
		clear(s.ready[left:])
		s.ready, s.next = s.ready[:left], 0
	}
	if n == 0 {
		s.working--
	}
	return n
}
