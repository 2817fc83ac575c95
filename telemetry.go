package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"agentstate/internal/auth"
	"agentstate/internal/feed"
	"agentstate/internal/httpapi"
	"agentstate/internal/metrics"
	naming "agentstate/internal/operation"
	"agentstate/internal/rest"
	"agentstate/internal/tracing"
	"agentstate/resolver"
	"agentstate/store"
)

// telemetry is what the server tells of itself while it works. It hears of operations from the edge and from the REST endpoints, and of
// calls of Redis from the store, none of which knows of Prometheus or OpenTelemetry.
type telemetry struct {
	metrics *metrics.Metrics
	traces  *tracing.Tracing
	log     *slog.Logger
}

var (
	_ httpapi.Observer = (*telemetry)(nil)
	_ rest.Observer    = (*telemetry)(nil)
	_ store.Observer   = (*telemetry)(nil)
)

func newTelemetry(traces *tracing.Tracing, log *slog.Logger) *telemetry {
	limits := make([]string, len(httpapi.AllLimits))
	for i, limit := range httpapi.AllLimits {
		limits[i] = string(limit)
	}
	return &telemetry{metrics: metrics.New(limits...), traces: traces, log: log}
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

// restKind is the kind of what comes by the REST endpoints.
const restKind = "rest"

// BeginOperation is part of httpapi.Observer.
func (t *telemetry) BeginOperation(ctx context.Context, op *ast.OperationDefinition) context.Context {
	return t.traces.BeginOperation(ctx, string(op.Operation), naming.Name(op))
}

// EndOperation is part of httpapi.Observer.
func (t *telemetry) EndOperation(ctx context.Context, op httpapi.Operation) {
	kind, name := noOperation, noOperation
	if op.Definition != nil {
		kind, name = string(op.Definition.Operation), naming.Name(op.Definition)
	}
	t.metrics.Operation(kind, name, op.Code, op.Took)
	failed := op.Code == resolver.CodeInternal || op.Code == resolver.CodeUnavailable
	t.traces.EndOperation(ctx, op.Code, failed, op.Bytes)
	t.tell(ctx, kind, name, op.Code, op.Took, op.Bytes)
}

// BeginRequest is part of rest.Observer.
func (t *telemetry) BeginRequest(ctx context.Context, endpoint string) context.Context {
	return t.traces.BeginOperation(ctx, restKind, endpoint)
}

// EndRequest is part of rest.Observer.
func (t *telemetry) EndRequest(ctx context.Context, r rest.Request) {
	code := ""
	if r.Status == 0 || r.Status >= http.StatusBadRequest {
		code = strconv.Itoa(r.Status)
	}
	t.metrics.Operation(restKind, r.Endpoint, code, r.Took)
	t.traces.EndOperation(ctx, code, r.Status == 0 || r.Status >= http.StatusInternalServerError, r.Bytes)
	t.tell(ctx, restKind, r.Endpoint, code, r.Took, r.Bytes)
}

// tell logs an operation at debug level: who has called by a hash of the owner, and nothing of what he has sent.
func (t *telemetry) tell(ctx context.Context, kind, name, code string, took time.Duration, bytes int) {
	if !t.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	if code == "" {
		code = "OK"
	}
	attrs := []slog.Attr{
		slog.String("type", kind), slog.String("operation", name), slog.String("code", code), slog.Duration("took", took), slog.Int("bytes", bytes),
	}
	if owner := auth.From(ctx).Owner; owner != "" {
		sum := sha256.Sum256([]byte(owner))
		attrs = append(attrs, slog.String("ownerHash", hex.EncodeToString(sum[:6])))
	}
	t.log.LogAttrs(ctx, slog.LevelDebug, "operation", attrs...)
}

// BeginTrip is part of store.Observer.
func (t *telemetry) BeginTrip(ctx context.Context, trip store.Trip) context.Context {
	return t.traces.BeginTrip(ctx, trip.Name, trip.Commands)
}

// EndTrip is part of store.Observer.
func (t *telemetry) EndTrip(ctx context.Context, trip store.Trip, took time.Duration, outcome store.Outcome) {
	t.metrics.Trip(trip.Name, string(outcome), took)
	t.traces.EndTrip(ctx, string(outcome), outcome == store.Refused || outcome == store.Failed)
}

// Limit is part of httpapi.Observer.
func (t *telemetry) Limit(kind httpapi.Limit) { t.metrics.Limit(string(kind)) }

// DataLimit is part of rest.Observer.
func (t *telemetry) DataLimit() { t.Limit(httpapi.LimitData) }

// CutOff is part of httpapi.Observer.
func (t *telemetry) CutOff() { t.metrics.CutOff() }
