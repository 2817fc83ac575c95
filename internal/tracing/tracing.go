// Package tracing sends traces to where the variables of OpenTelemetry say, and does nothing where they say nothing:
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/. A span has the name and the code of an operation, or the
// name of a call of Redis, and nothing that a client has sent beside its name.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracing makes spans and sends them. A nil one does nothing.
type Tracing struct {
	provider   *sdk.TracerProvider
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	log        *slog.Logger
}

// Start begins to send traces where the environment asks for them, and gives nil where it does not: OTEL_EXPORTER_OTLP_ENDPOINT,
// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or OTEL_TRACES_EXPORTER=otlp do, OTEL_TRACES_EXPORTER=none and OTEL_SDK_DISABLED=true forbid it. How they are
// sent, sampled and batched OpenTelemetry reads from the environment of the process by itself. That nobody is there to take them is no error.
func Start(ctx context.Context, environ []string, service, version string, log *slog.Logger) (*Tracing, error) {
	settings, err := read(environ)
	if err != nil || !settings.on {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_…: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", service), attribute.String("service.version", version)),
		resource.WithHost(), resource.WithTelemetrySDK(),
		resource.WithFromEnv(), // last: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES know better
	)
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(&complaints{log: log})
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))
	return &Tracing{provider: provider, tracer: provider.Tracer("agentstate"), propagator: settings.propagator, log: log}, nil
}

// settings are what is decided here.
type settings struct {
	on         bool
	propagator propagation.TextMapPropagator
}

// read takes the settings out of an environment. The error says what is not understood.
func read(environ []string) (settings, error) {
	values := make(map[string]string)
	for _, pair := range environ {
		if name, value, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "OTEL_") {
			values[name] = strings.TrimSpace(value)
		}
	}
	either := func(names ...string) string {
		for _, name := range names {
			if values[name] != "" {
				return values[name]
			}
		}
		return ""
	}
	if strings.EqualFold(values["OTEL_SDK_DISABLED"], "true") {
		return settings{}, nil
	}
	switch exporter := values["OTEL_TRACES_EXPORTER"]; {
	case exporter == "none", exporter == "" && either("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT") == "":
		return settings{}, nil
	case exporter != "" && exporter != "otlp":
		return settings{}, fmt.Errorf("OTEL_TRACES_EXPORTER is %q: give otlp or none", exporter)
	}
	if protocol := either("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); protocol != "" && protocol != "http/protobuf" {
		return settings{}, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q: give http/protobuf, which collectors take on port 4318", protocol)
	}
	propagator, err := propagators(values["OTEL_PROPAGATORS"])
	return settings{on: true, propagator: propagator}, err
}

// propagators are those by which the trace of a client goes on here: W3C's, unless it is said otherwise.
func propagators(names string) (propagation.TextMapPropagator, error) {
	if names == "" {
		names = "tracecontext,baggage"
	}
	var all []propagation.TextMapPropagator
	for name := range strings.SplitSeq(names, ",") {
		switch strings.TrimSpace(name) {
		case "tracecontext":
			all = append(all, propagation.TraceContext{})
		case "baggage":
			all = append(all, propagation.Baggage{})
		case "none":
		default:
			return nil, fmt.Errorf("OTEL_PROPAGATORS has %q: give tracecontext, baggage or none", name)
		}
	}
	return propagation.NewCompositeTextMapPropagator(all...), nil
}

// flushTime is how long the last spans may take to be sent.
const flushTime = 5 * time.Second

// Stop sends what has not been sent yet, and ends all that was started. A collector that is away is logged, and no reason to fail.
func (t *Tracing) Stop(ctx context.Context) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.WarnContext(ctx, "the last traces could not be sent", "error", err)
	}
}

// complaints logs that traces cannot be sent, once in a while: a batch fails every few seconds as long as the collector is away.
type complaints struct {
	log  *slog.Logger
	last atomic.Int64 // in nanoseconds
}

const complainEvery = time.Minute

// Handle is part of otel.ErrorHandler.
func (c *complaints) Handle(err error) {
	now, last := time.Now().UnixNano(), c.last.Load()
	if now-last >= int64(complainEvery) && c.last.CompareAndSwap(last, now) {
		c.log.Warn("traces cannot be sent; no answer depends on it", "error", err)
	}
}
