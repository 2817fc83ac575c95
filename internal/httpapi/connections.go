package httpapi

import (
	"fmt"
	"net/http"
	"sync"
)

// connections bounds how many WebSockets and event streams are open, in all and of each caller. 0 is no limit.
type connections struct {
	most, mostOfCaller int

	mu       sync.Mutex
	open     int
	ofCaller map[string]int // of those who have one, so it is no larger than what is open
}

func newConnections(most, mostOfCaller int) *connections {
	return &connections{most: most, mostOfCaller: mostOfCaller, ofCaller: make(map[string]int)}
}

// take counts a connection of a caller until release is called, or refuses it.
func (c *connections) take(caller string) (release func(), refused *refusal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.mostOfCaller > 0 && c.ofCaller[caller] >= c.mostOfCaller:
		return nil, tooManyConnections(http.StatusTooManyRequests, c.mostOfCaller,
			"Keep at most %d subscriptions and WebSockets open, and put several subscriptions on one WebSocket.")
	case c.most > 0 && c.open >= c.most:
		return nil, tooManyConnections(http.StatusServiceUnavailable, c.most,
			"Try again later: the server keeps at most %d WebSockets and event streams open for all callers.")
	}
	c.open++
	c.ofCaller[caller]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.open--
		if c.ofCaller[caller]--; c.ofCaller[caller] == 0 {
			delete(c.ofCaller, caller)
		}
	}, nil
}

// connectionsRetryAfter is what a client is told to wait, in seconds: connections are closed by and by.
const connectionsRetryAfter = 10

func tooManyConnections(status, limit int, format string) *refusal {
	return &refusal{
		status: status, code: codeLimitExceeded, message: fmt.Sprintf(format, limit),
		extensions: map[string]any{"limit": limit, "actual": limit + 1, "retryAfterSeconds": connectionsRetryAfter},
		header:     http.Header{"Retry-After": {fmt.Sprint(connectionsRetryAfter)}},
	}
}
