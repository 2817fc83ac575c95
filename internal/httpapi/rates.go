package httpapi

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
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
	callers          *lru.Cache[string, *rate.Limiter]
}

// newRates gives nil where perSecond is 0. A burst of 0 is what comes in two seconds.
func newRates(perSecond, burst int) *rates {
	if perSecond == 0 {
		return nil
	}
	if burst == 0 {
		burst = 2 * perSecond
	}
	callers, err := lru.New[string, *rate.Limiter](maxCallers)
	if err != nil {
		panic(err) // of a size that is not positive
	}
	return &rates{perSecond: perSecond, burst: burst, callers: callers}
}

// take counts a request of a caller, or refuses it. One that is refused does not count.
func (q *rates) take(caller string, now time.Time) *refusal {
	if q == nil {
		return nil
	}
	reservation := q.of(caller).ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	reservation.CancelAt(now)
	return q.refuse(wait)
}

// look refuses a request as take would, and counts nothing.
func (q *rates) look(caller string, now time.Time) *refusal {
	if q == nil {
		return nil
	}
	if missing := 1 - q.of(caller).TokensAt(now); missing > 0 {
		return q.refuse(time.Duration(missing / float64(q.perSecond) * float64(time.Second)))
	}
	return nil
}

func (q *rates) of(caller string) *rate.Limiter {
	limiter, ok := q.callers.Get(caller)
	if !ok {
		limiter = rate.NewLimiter(rate.Limit(q.perSecond), q.burst)
		if other, there, _ := q.callers.PeekOrAdd(caller, limiter); there {
			limiter = other // somebody was faster
		}
	}
	return limiter
}

func (q *rates) refuse(wait time.Duration) *refusal {
	seconds := int(math.Ceil(wait.Seconds()))
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
		if refused := q.take(caller(r), time.Now()); refused != nil {
			refused.write(w, mediaJSON)
			return
		}
		next.ServeHTTP(w, r)
	})
}
