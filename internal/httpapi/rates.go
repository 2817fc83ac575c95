package httpapi

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// maxCallers is how many callers are remembered, some 200 bytes each. Who was not heard of for longest is forgotten first, and may
// then begin anew with a full burst: whoever has that many addresses is not held up by a limit for each.
const maxCallers = 1 << 16

// rates bounds the requests of each caller per second, HTTP requests and operations of WebSockets alike. A nil one has no bound.
type rates struct {
	perSecond, burst int
	callers          *lru.Cache[string, *callerRate]
	shared           *sharedRates // nil where this process counts alone
	observer         Observer     // hears of who is refused; nil is nobody
}

// callerRate is what this process knows of a caller.
type callerRate struct {
	*rate.Limiter
	// empty is until when no process has anything left for him; nil for never.
	empty atomic.Pointer[time.Time]
}

// wait is how long a caller has to wait of whom it is known that no process has anything left for him.
func (k *callerRate) wait(now time.Time) time.Duration {
	if empty := k.empty.Load(); empty != nil {
		return empty.Sub(now)
	}
	return 0
}

// newRates gives nil where perSecond is 0. A burst of 0 is what comes in two seconds.
func newRates(perSecond, burst int, shared *sharedRates) *rates {
	if perSecond == 0 {
		return nil
	}
	if burst == 0 {
		burst = 2 * perSecond
	}
	callers, err := lru.New[string, *callerRate](maxCallers)
	if err != nil {
		panic(err) // of a size that is not positive
	}
	return &rates{perSecond: perSecond, burst: burst, callers: callers, shared: shared}
}

// take counts a request of a caller, or refuses it. One that is refused does not count. What this process alone refuses already the
// others are not asked about: so a flood costs Redis no more than the rate of each process.
func (q *rates) take(ctx context.Context, caller string, now time.Time) *refusal {
	if q == nil {
		return nil
	}
	known := q.of(caller)
	if wait := known.wait(now); wait > 0 {
		return q.refuse(wait)
	}
	reservation := known.ReserveN(now, 1)
	if wait := reservation.DelayFrom(now); wait > 0 {
		reservation.CancelAt(now)
		return q.refuse(wait)
	}
	wait := q.shared.ask(ctx, caller, q.perSecond, q.burst, now)
	if wait <= 0 {
		return nil
	}
	empty := now.Add(wait)
	known.empty.Store(&empty)
	return q.refuse(wait)
}

// look refuses a request as take would, and counts nothing.
func (q *rates) look(caller string, now time.Time) *refusal {
	if q == nil {
		return nil
	}
	known := q.of(caller)
	if wait := known.wait(now); wait > 0 {
		return q.refuse(wait)
	}
	if missing := 1 - known.TokensAt(now); missing > 0 {
		return q.refuse(time.Duration(missing / float64(q.perSecond) * float64(time.Second)))
	}
	return nil
}

func (q *rates) of(caller string) *callerRate {
	known, ok := q.callers.Get(caller)
	if !ok {
		known = &callerRate{Limiter: rate.NewLimiter(rate.Limit(q.perSecond), q.burst)}
		if other, there, _ := q.callers.PeekOrAdd(caller, known); there {
			known = other // somebody was faster
		}
	}
	return known
}

func (q *rates) refuse(wait time.Duration) *refusal {
	seconds := int(math.Ceil(wait.Seconds()))
	if q.observer != nil {
		q.observer.Limit(LimitRate)
	}
	return &refusal{
		status: http.StatusTooManyRequests, code: codeLimitExceeded,
		message:    fmt.Sprintf("Send at most %d requests per second, and the next one in %d s.", q.perSecond, seconds),
		extensions: map[string]any{"limit": q.perSecond, "actual": q.perSecond + 1, "retryAfterSeconds": seconds},
		header:     http.Header{"Retry-After": {strconv.Itoa(seconds)}},
	}
}

// middleware counts requests ahead of all work for them.
func (q *rates) middleware(caller func(*http.Request) string, next http.Handler) http.Handler {
	if q == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refused := q.take(r.Context(), caller(r), time.Now()); refused != nil {
			refused.write(w, mediaJSON)
			return
		}
		next.ServeHTTP(w, r)
	})
}
