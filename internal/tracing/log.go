package tracing

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// Log gives a logger whose lines tell to which trace they belong, as trace_id and span_id: those that are logged with a context.
func (t *Tracing) Log(log *slog.Logger) *slog.Logger {
	if t == nil {
		return log
	}
	return slog.New(traced{log.Handler()})
}

// traced adds the ids of the trace that a context is in.
type traced struct{ slog.Handler }

// Handle is part of slog.Handler.
func (h traced) Handle(ctx context.Context, record slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		record = record.Clone() // others may have it
		record.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs is part of slog.Handler.
func (h traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{h.Handler.WithAttrs(attrs)} }

// WithGroup is part of slog.Handler.
func (h traced) WithGroup(name string) slog.Handler { return traced{h.Handler.WithGroup(name)} }
