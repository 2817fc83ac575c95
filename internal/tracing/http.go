package tracing

import (
	"net/http"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/metric/noop"
)

// Handler makes a span of each request, which goes on with the trace of its client. Probes and metrics have none: they come every few
// seconds, and nobody looks at them.
func (t *Tracing) Handler(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return otelhttp.NewHandler(next, "",
		otelhttp.WithTracerProvider(t.provider), otelhttp.WithPropagators(t.propagator), otelhttp.WithMeterProvider(noop.NewMeterProvider()),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method + " " + route(r.URL.Path) }),
		otelhttp.WithFilter(func(r *http.Request) bool {
			switch r.URL.Path {
			case "/livez", "/readyz", "/health", "/metrics":
				return false
			}
			return true
		}),
	)
}

// route is the part of a path that is no client's choice: names of spans must be few.
func route(path string) string {
	switch {
	case path == "/", path == "/graphql":
		return path
	case strings.HasPrefix(path, "/redis/"):
		return "/redis/*" // the span of the endpoint, which is in it, tells which
	case strings.HasPrefix(path, "/assets/"):
		return "/assets/*"
	default:
		return "*"
	}
}
