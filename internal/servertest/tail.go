//go:build unix

package servertest

import (
	"bytes"
	"strconv"
	"sync"
)

// tail takes the log of a process, and shows the last of it.
type tail struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *tail) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *tail) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	const most = 20_000
	text := b.text.String()
	if len(text) > most {
		return strconv.Itoa(len(text)-most) + " bytes before\n" + text[len(text)-most:]
	}
	return text
}

// whole gives all of it.
func (b *tail) whole() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// cut takes the last n bytes away.
func (b *tail) cut(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Truncate(b.text.Len() - n)
}
