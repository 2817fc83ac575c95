package main

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"agentstate/internal/feed"
	"agentstate/internal/httpapi"
	"agentstate/internal/metrics"
	naming "agentstate/internal/operation"
	"agentstate/internal/rest"
	"agentstate/resolver"
	"agentstate/store"
)

// telemetry is what the server tells of itself while it works. It hears of operations from the edge and from the REST endpoints, and of
// calls of Redis from the store, none of which knows of Prometheus.
type telemetry struct{ metrics *metrics.Metrics }

var (
	_ httpapi.Observer = (*telemetry)(nil)
	_ rest.Observer    = (*telemetry)(nil)
	_ store.Observer   = (*telemetry)(nil)
)

func newTelemetry() *telemetry {
	limits := make([]string, len(httpapi.AllLimits))
	for i, limit := range httpapi.AllLimits {
		limits[i] = string(limit)
	}
	return &telemetry{metrics: metrics.New(limits...)}
}

// sources are the metrics that the parts of the server keep themselves.
func (*telemetry) sources(st *store.Store, hub *feed.Hub, streams *httpapi.Streams, res *resolver.Resolver) metrics.Sources {
	gaps := make(map[string]func() int64)
	for cause, name := range map[feed.Cause]string{feed.Announcement: "announcement", feed.Check: "check", feed.Connection: "connection"} {
		gaps[name] = func() int64 { return hub.Gaps(cause) }
	}
	return metrics.Sources{
		Version:   versionOf(),
		Listeners: hub.Listeners, Listened: hub.Threads, Streams: streams.Open,
		Deliveries: hub.Deliveries, CatchUps: hub.CatchUps, Reconnections: hub.Reconnections, Gaps: gaps,
		Pool:    func() metrics.Pool { return metrics.Pool(st.Pool()) },
		Expired: st.Expired, Cleaned: st.Cleaned,
		Threads: func(ctx context.Context) (int, bool) {
			total, whole, err := st.CountAll(ctx)
			return total, whole && err == nil
		},
		Panics: res.Panics.Load,
	}
}

// noOperation names what came to no operation: a request that was malformed, or refused before it was executed.
const noOperation = "none"

// BeginOperation is part of httpapi.Observer.
func (t *telemetry) BeginOperation(ctx context.Context, _ *ast.OperationDefinition) context.Context {
	return ctx
}

// EndOperation is part of httpapi.Observer.
func (t *telemetry) EndOperation(_ context.Context, op httpapi.Operation) {
	kind, name := noOperation, noOperation
	if op.Definition != nil {
		kind, name = string(op.Definition.Operation), naming.Name(op.Definition)
	}
	t.metrics.Operation(kind, name, op.Code, op.Took)
}

// BeginRequest is part of rest.Observer.
func (t *telemetry) BeginRequest(ctx context.Context, _ string) context.Context { return ctx }

// EndRequest is part of rest.Observer.
func (t *telemetry) EndRequest(_ context.Context, r rest.Request) {
	code := ""
	if r.Status == 0 || r.Status >= http.StatusBadRequest {
		code = strconv.Itoa(r.Status)
	}
	t.metrics.Operation("rest", r.Endpoint, code, r.Took)
}

// BeginTrip is part of store.Observer.
func (t *telemetry) BeginTrip(ctx context.Context, _ store.Trip) context.Context { return ctx }

// EndTrip is part of store.Observer.
func (t *telemetry) EndTrip(_ context.Context, trip store.Trip, took time.Duration, outcome store.Outcome) {
	t.metrics.Trip(trip.Name, string(outcome), took)
}

// Limit is part of httpapi.Observer.
func (t *telemetry) Limit(kind httpapi.Limit) { t.metrics.Limit(string(kind)) }

// DataLimit is part of rest.Observer.
func (t *telemetry) DataLimit() { t.Limit(httpapi.LimitData) }

// CutOff is part of httpapi.Observer.
func (t *telemetry) CutOff() { t.metrics.CutOff() }
