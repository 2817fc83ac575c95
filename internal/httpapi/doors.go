package httpapi

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"agentstate/internal/auth"
)

// Limits bounds what one caller may ask for. 0 is no limit, unless it is said.
type Limits struct {
	// Caller names who sends a request, for the limits of each caller: the address, where it is nil. It is asked ahead of all work for
	// a request, and for a WebSocket at its handshake.
	Caller func(*http.Request) string
	// Document bounds the form of documents.
	Document DocumentLimits
	// Complexity is how many objects an operation may read.
	Complexity int
	// RequestsPerSecond and RequestBurst are those of one caller; a burst of 0 is what comes in two seconds.
	RequestsPerSecond, RequestBurst int
	// SharedRates counts the requests of a caller for all processes together; nil is this one alone.
	SharedRates SharedRates
	// Connections and CallerConnections are how many WebSockets and event streams may be open, in all and of one caller.
	Connections, CallerConnections int
	// ConnectionOperations is how many operations may run on one WebSocket at once; 0 is 1000.
	ConnectionOperations int
	// ConnectionBytesPerSecond is how much is read from a WebSocket. What comes faster waits.
	ConnectionBytesPerSecond int
	// OperationTimeout is how long a query or mutation may take, BodyTimeout how long a client may take to send the body of a request.
	OperationTimeout, BodyTimeout time.Duration
}

// doors is what the transports share of the limits.
type doors struct {
	caller                        func(*http.Request) string
	address                       func(*http.Request) string // who has not shown yet who he is
	rates                         *rates
	open                          *connections
	maxOperations, bytesPerSecond int
	observer                      Observer // hears of limits that are met; nil is nobody
}

func newDoors(cfg Config) doors {
	l := cfg.Limits
	d := doors{
		caller: l.Caller, open: newConnections(l.Connections, l.CallerConnections),
		rates:         newRates(l.RequestsPerSecond, l.RequestBurst, newSharedRates(l.SharedRates, cfg.Log)),
		maxOperations: l.ConnectionOperations, bytesPerSecond: l.ConnectionBytesPerSecond,
		observer: cfg.Observer,
	}
	if d.rates != nil {
		d.rates.observer = cfg.Observer
	}
	if d.caller == nil {
		d.caller = CallerByAddress(nil)
	}
	d.address = d.caller
	if cfg.Auth != nil {
		d.caller = callerByOwner(d.address)
	}
	if d.maxOperations == 0 {
		d.maxOperations = 1000
	}
	return d
}

// exhausted refuses an address from which as many requests have come as may come, failed without a valid token; failed counts one.
func (d doors) exhausted(r *http.Request) *refusal {
	return d.rates.look(d.address(r), time.Now())
}

func (d doors) failed(r *http.Request) {
	_ = d.rates.take(r.Context(), d.address(r), time.Now())
}

// recount counts a connection for another caller than before, or refuses it.
func (d doors) recount(from, to string, release func()) (func(), *refusal) {
	if d.open == nil || from == to {
		return release, nil
	}
	another, refused := d.open.take(to)
	hit(d.observer, LimitConnections, refused)
	if refused == nil {
		release()
	}
	return another, refused
}

// callerByOwner gives the owner as the caller, where he is known: he may come from many addresses, and many owners from one.
func callerByOwner(address func(*http.Request) string) func(*http.Request) string {
	return func(r *http.Request) string {
		if caller := auth.From(r.Context()); caller.Known() {
			return ownerPrefix + caller.Owner
		}
		return address(r)
	}
}

// enter counts a connection of the caller of r until release is called, or refuses it. Zero doors are open.
func (d doors) enter(r *http.Request) (caller string, release func(), refused *refusal) {
	if d.open == nil {
		return "", func() {}, nil
	}
	caller = d.caller(r)
	release, refused = d.open.take(caller)
	hit(d.observer, LimitConnections, refused)
	return caller, release, refused
}

// pace bounds the bytes that are read from one connection per second. The zero pace has no bound.
type pace struct{ limiter *rate.Limiter }

// messageOverhead is what each message counts beside its bytes: a ping of a few bytes is work too.
const messageOverhead = 256

// newPace gives the pace of a new connection. One message of the most bytes passes at once.
func (d doors) newPace(most int64) pace {
	if d.bytesPerSecond == 0 {
		return pace{}
	}
	return pace{rate.NewLimiter(rate.Limit(d.bytesPerSecond), max(d.bytesPerSecond, int(most)+messageOverhead))}
}

// delay gives how long a message of so many bytes, which was read, has to wait. So the client waits too, by the window of TCP.
func (p pace) delay(bytes int) time.Duration {
	if p.limiter == nil {
		return 0
	}
	return p.limiter.ReserveN(time.Now(), bytes+messageOverhead).Delay()
}

// pause waits so long, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
