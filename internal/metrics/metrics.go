// Package metrics tells Prometheus what the server is doing. Names and units follow https://prometheus.io/docs/practices/naming/.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Sources are asked whenever somebody looks, from any goroutine. None may be nil, and none may take long.
type Sources struct {
	// Version is that of the build.
	Version string
	// Listeners counts the subscriptions that are open, Threads the threads that they listen to, and Streams the WebSockets and event
	// streams that carry them.
	Listeners, Threads, Streams func() int
	// Panics counts what was caught.
	Panics func() int64
}

// Handler serves them in the format of Prometheus, with those of the process and of Go's runtime.
func Handler(s Sources) http.Handler {
	registry := prometheus.NewRegistry()
	gauge := func(name, help string, value func() int) {
		registry.MustRegister(prometheus.NewGaugeFunc(
			prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) },
		))
	}
	gauge("agentstate_listeners", "Subscriptions that are open.", s.Listeners)
	gauge("agentstate_listened_threads", "Threads that subscriptions of this process listen to, or did until just now.", s.Threads)
	gauge("agentstate_streams", "WebSockets and event streams that are open.", s.Streams)
	registry.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "agentstate_panics_total", Help: "Panics that were caught; the log has each with its stack.",
		}, func() float64 { return float64(s.Panics()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "agentstate_build_info", Help: "1; the label tells the version.", ConstLabels: prometheus.Labels{"version": s.Version},
		}, func() float64 { return 1 }),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}
