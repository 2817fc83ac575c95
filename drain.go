package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// drain is the time between the signal to stop and the end of the listener: /readyz says 503, so that a load balancer sends requests
// elsewhere, and whatever still comes is served as ever. Without it a request that was sent here while the balancer did not know yet
// would find nobody.
type drain struct{ begun atomic.Bool }

var errDraining = errors.New("the server stops")

// ready is next until the drain begins, and then an error.
func (d *drain) ready(next func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if d.begun.Load() {
			return errDraining
		}
		return next(ctx)
	}
}

// handler lets clients leave their connections behind each answer of the drain: one that is kept for the next request would be closed
// with the listener, perhaps as that request is on its way. HTTP/2 has GOAWAY for it, which net/http makes of the same header.
func (d *drain) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.begun.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// run begins the drain, and returns after delay. Nothing cuts it short but the end of the process, by a second signal.
func (d *drain) run(delay time.Duration, log *slog.Logger) {
	d.begun.Store(true)
	if delay > 0 {
		log.Info("draining: /readyz says 503, requests are still served", "for", delay)
		time.Sleep(delay)
	}
}
