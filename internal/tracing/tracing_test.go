package tracing

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTracesAreSentWhereTheyAreAskedFor(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		environ []string
		on      bool
		err     string
	}{
		"nothing is said":        {nil, false, ""},
		"an endpoint":            {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318"}, true, ""},
		"an endpoint of traces":  {[]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://collector:4318/v1/traces"}, true, ""},
		"the exporter":           {[]string{"OTEL_TRACES_EXPORTER=otlp"}, true, ""},
		"none in spite of it":    {[]string{"OTEL_TRACES_EXPORTER=none", "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318"}, false, ""},
		"disabled":               {[]string{"OTEL_SDK_DISABLED=TRUE", "OTEL_TRACES_EXPORTER=otlp"}, false, ""},
		"set to nothing":         {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT="}, false, ""},
		"another exporter":       {[]string{"OTEL_TRACES_EXPORTER=zipkin"}, false, `OTEL_TRACES_EXPORTER is "zipkin": give otlp or none`},
		"another protocol":       {[]string{"OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, false, `OTEL_EXPORTER_OTLP_PROTOCOL is "grpc"`},
		"the protocol of traces": {[]string{"OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf"}, true, ""},
		"another propagator":     {[]string{"OTEL_TRACES_EXPORTER=otlp", "OTEL_PROPAGATORS=tracecontext,b3"}, false, `OTEL_PROPAGATORS has "b3"`},
		"a service of that name": {[]string{"SERVICE=otlp"}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := read(test.environ)
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.on, got.on)
		})
	}
}

// Where no traces are asked for, everything is as it was without this package.
func TestNoTracingDoesNothing(t *testing.T) {
	traces, err := Start(t.Context(), nil, "s", "v", slog.Default())
	require.NoError(t, err)
	require.Nil(t, traces)
	ctx := t.Context()
	assert.Equal(t, ctx, traces.BeginTrip(traces.BeginOperation(ctx, "query", "Read"), "get", 1))
	traces.EndTrip(ctx, "ok", false)
	traces.EndOperation(ctx, "", false, 0)
	assert.Same(t, slog.Default(), traces.Log(slog.Default()))
	assert.Nil(t, traces.Handler(nil))
	traces.Stop(ctx)
	assert.Zero(t, testing.AllocsPerRun(100, func() { traces.EndTrip(traces.BeginTrip(ctx, "get", 1), "ok", false) }))
}

func TestRoutesAreFew(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/": "/", "/graphql": "/graphql", "/redis/agent-state/secret": "/redis/*", "/assets/x.js": "/assets/*", "/wp-login.php": "*",
	} {
		assert.Equal(t, want, route(path))
	}
}
