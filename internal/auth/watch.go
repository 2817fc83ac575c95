package auth

import (
	"bytes"
	"log/slog"
	"os"
	"time"
)

// watch looks at a file in the background.
type watch struct {
	quit, done chan struct{}
}

// fileInterval is how often it is looked whether a file has changed.
const fileInterval = 2 * time.Second

// keepLoaded loads a file, and again whenever it has changed. Where that fails later, the log says so, and what was loaded before stays.
// what names its content.
func keepLoaded(path, what string, interval time.Duration, log *slog.Logger, load func(content []byte) error) (watch, error) {
	content, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		return watch{}, err
	}
	if err := load(content); err != nil {
		return watch{}, err
	}
	return watchFile(path, content, interval, func(content []byte, err error) {
		if err == nil {
			err = load(content)
		}
		if err != nil {
			log.Error("the file of "+what+" cannot be read again; those that were read before go on", "file", path, "error", err)
			return
		}
		log.Info("the file of "+what+" was read again", "file", path)
	}), nil
}

// watchFile reads a file again and again, and calls changed where it is not what it was, or when it can no longer be read, once each. It
// reads instead of being told by the system: that works wherever the file lies, and where a directory is exchanged as Kubernetes does.
func watchFile(path string, content []byte, interval time.Duration, changed func(content []byte, err error)) watch {
	w := watch{quit: make(chan struct{}), done: make(chan struct{})}
	go func() { // ends with stop
		defer close(w.done)
		tick := time.NewTicker(interval)
		defer tick.Stop()
		sight := sight{content: content, last: content}
		for {
			select {
			case <-w.quit:
				return
			case <-tick.C:
			}
			now, err := os.ReadFile(path) //nolint:gosec // the operator names it
			if sight.news(now, err) {
				changed(now, err)
			}
		}
	}()
	return w
}

func (w watch) stop() {
	close(w.quit)
	<-w.done
}

// sight is what was seen of a file.
type sight struct {
	content []byte // what it is
	last    []byte // as what it was read last
	failing bool
}

// news tells whether what was read now is worth telling. A change is when the file was read twice like that: half of one that is just
// being written would revoke what is in the other half.
func (s *sight) news(now []byte, err error) bool {
	if err != nil {
		defer func() { s.failing = true }()
		return !s.failing
	}
	s.failing = false
	settled := bytes.Equal(now, s.last)
	s.last = now
	if !settled || bytes.Equal(now, s.content) {
		return false
	}
	s.content = now
	return true
}
