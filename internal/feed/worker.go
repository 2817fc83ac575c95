package feed

import "sync/atomic"

// worker runs the steps of a listener, one after the other, in a goroutine that is there only while there is something to do: most
// listeners wait most of the time, and the stack of a goroutine that waits is what they would cost.
type worker struct {
	// step does what there is to do, and tells whether more may come. It looks at everything that has happened ahead of its start.
	step  func() bool
	state atomic.Int32
}

const (
	unborn int32 = iota
	idle
	running
	// again is running with something new that the step under way may not have seen.
	again
	over
)

// begin lets the worker work from now on, and do a first step.
func (w *worker) begin(step func() bool) {
	w.step = step
	w.state.Store(idle)
	w.kick()
}

// kick tells that there is something to do. It never blocks. Before begin and when the steps are over it does nothing.
func (w *worker) kick() {
	for {
		switch w.state.Load() {
		case idle:
			if w.state.CompareAndSwap(idle, running) {
				go w.work() // ends with the step that finds nothing more to do
				return
			}
		case running:
			if w.state.CompareAndSwap(running, again) {
				return
			}
		default:
			return
		}
	}
}

func (w *worker) work() {
	for w.step() {
		if w.state.CompareAndSwap(running, idle) {
			return
		}
		w.state.Store(running) // it was kicked meanwhile
	}
	w.state.Store(over)
}
