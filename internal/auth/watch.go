package auth

import (
	"bytes"
	"os"
	"time"
)

// watch looks at a file in the background.
type watch struct {
	quit, done chan struct{}
}

// watchFile reads a file again and again, and calls changed where it is not what it was, or when it can no longer be read, once each. It
// reads instead of being told by the system: that works wherever the file lies, and where a directory is exchanged as Kubernetes does.
func watchFile(path string, content []byte, interval time.Duration, changed func(content []byte, err error)) watch {
	w := watch{quit: make(chan struct{}), done: make(chan struct{})}
	go func() { // ends with stop
		defer close(w.done)
		tick := time.NewTicker(interval)
		defer tick.Stop()
		failing := false
		for {
			select {
			case <-w.quit:
				return
			case <-tick.C:
			}
			now, err := os.ReadFile(path) //nolint:gosec // the operator names it
			switch {
			case err != nil && !failing:
				changed(nil, err)
			case err == nil && !bytes.Equal(now, content):
				content = now
				changed(now, nil)
			}
			failing = err != nil
		}
	}()
	return w
}

func (w watch) stop() {
	if w.quit != nil {
		close(w.quit)
		<-w.done
	}
}
