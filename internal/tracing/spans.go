package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// spanKey is where the context has the span that was begun here: the current one may be another's.
type spanKey struct{}

// BeginOperation begins the span of an operation: of GraphQL, "query" and "Read", or of an endpoint, "rest" and "GET /redis/agent-states". Who
// begins it ends it, with the context that it gives.
func (t *Tracing) BeginOperation(ctx context.Context, kind, name string) context.Context {
	if t == nil {
		return ctx
	}
	attributes := []attribute.KeyValue{attribute.String("graphql.operation.type", kind), attribute.String("graphql.operation.name", name)}
	title := kind + " " + name
	if kind == "rest" {
		attributes, title = []attribute.KeyValue{attribute.String("http.route", name)}, name
	}
	ctx, span := t.tracer.Start(ctx, title, trace.WithAttributes(attributes...))
	return context.WithValue(ctx, spanKey{}, span)
}

// EndOperation ends the span. code is that of the API's errors, or a status of HTTP, "" where all is well; failed says that it is the server's
// fault, and bytes is how large the answer was.
func (t *Tracing) EndOperation(ctx context.Context, code string, failed bool, bytes int) {
	if t == nil {
		return
	}
	span, ok := ctx.Value(spanKey{}).(trace.Span)
	if !ok { // it was refused ahead of its execution: then the request tells
		trace.SpanFromContext(ctx).SetAttributes(attribute.String("agentstate.code", code))
		return
	}
	if code == "" {
		code = "OK"
	}
	span.SetAttributes(attribute.String("agentstate.code", code), attribute.Int("agentstate.response.bytes", bytes))
	if failed {
		span.SetStatus(codes.Error, code)
	}
	span.End()
}

// tripKey is where the context has the span of a call of Redis.
type tripKey struct{}

// BeginTrip begins the span of a call of Redis, where it is a part of something that is traced.
func (t *Tracing) BeginTrip(ctx context.Context, name string, commands int) context.Context {
	if t == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return ctx
	}
	ctx, span := t.tracer.Start(ctx, "redis "+name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("db.system.name", "redis"), attribute.String("db.operation.name", name), attribute.Int("db.operation.batch.size", commands),
	))
	return context.WithValue(ctx, tripKey{}, span)
}

// EndTrip ends the span; failed says that Redis has not answered, or with an error.
func (t *Tracing) EndTrip(ctx context.Context, outcome string, failed bool) {
	if t == nil {
		return
	}
	span, ok := ctx.Value(tripKey{}).(trace.Span)
	if !ok {
		return
	}
	if failed {
		span.SetStatus(codes.Error, outcome)
	}
	span.End()
}
