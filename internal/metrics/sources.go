package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Sources are asked whenever somebody looks, from any goroutine. None may be nil, and none may take long.
type Sources struct {
	// Version is that of the build.
	Version string
	// Listeners counts the subscriptions that are open, Listened the threads that they listen to, and Streams the WebSockets and event
	// streams that carry them.
	Listeners, Listened, Streams func() int
	// Deliveries, CatchUps and Reconnections are those of the feed, and Gaps what it found it may have missed, by how.
	Deliveries, CatchUps, Reconnections func() int64
	Gaps                                map[string]func() int64
	// Pool is the connections to Redis.
	Pool func() Pool
	// Expired and Cleaned count the threads that were cleared away at their expiry, and removed for their age.
	Expired, Cleaned func() int64
	// Threads counts the threads in Redis; false where that is not known. It is asked once in threadsEvery at most, and must heed
	// the context.
	Threads func(ctx context.Context) (int, bool)
	// Panics counts what was caught.
	Panics func() int64
}

// Pool is the connections to Redis: those there are, and counts since the start.
type Pool struct {
	Open, Idle                           int
	Hits, Misses, Waits, Timeouts, Stale int64
}

func (s Sources) register(registry *prometheus.Registry) {
	gauge := func(name, help string, labels prometheus.Labels, value func() float64) {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
	}
	counter := func(name, help string, labels prometheus.Labels, value func() int64) {
		registry.MustRegister(prometheus.NewCounterFunc(
			prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, func() float64 { return float64(value()) },
		))
	}
	number := func(of func() int) func() float64 { return func() float64 { return float64(of()) } }
	gauge("agentstate_build_info", "1; the label tells the version.", prometheus.Labels{"version": s.Version}, func() float64 { return 1 })
	gauge("agentstate_listeners", "Subscriptions that are open.", nil, number(s.Listeners))
	gauge("agentstate_listened_threads", "Threads that subscriptions of this process listen to, or did until just now.", nil, number(s.Listened))
	gauge("agentstate_streams", "WebSockets and event streams that are open.", nil, number(s.Streams))
	counter("agentstate_deliveries_total", "Messages and changes that were given to listeners, once for each listener.", nil, s.Deliveries)
	counter("agentstate_catch_up_reads_total", "Reads of Redis for listeners that were behind, for whatever reason.", nil, s.CatchUps)
	counter("agentstate_subscription_connection_losses_total", "Ends of the connection on which Redis announces changes.", nil, s.Reconnections)
	for cause, value := range s.Gaps {
		counter("agentstate_gaps_repaired_total",
			"Threads whose listeners looked at Redis because an announcement may have been missed, by how that was found.",
			prometheus.Labels{"cause": cause}, value)
	}
	counter("agentstate_threads_expired_total", "Threads that this process has cleared away after their expiry.", nil, s.Expired)
	counter("agentstate_threads_cleaned_total", "Threads that cleanupExpired has removed for their age, in this process.", nil, s.Cleaned)
	counter("agentstate_panics_total", "Panics that were caught; the log has each with its stack.", nil, s.Panics)
	registry.MustRegister(newPoolCollector(s.Pool), &threads{count: s.Threads})
}

// poolCollector tells of the pool at one moment.
type poolCollector struct {
	pool                                              func() Pool
	connections, hits, misses, waits, timeouts, stale *prometheus.Desc
}

func newPoolCollector(pool func() Pool) poolCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("agentstate_redis_pool_"+name, help, labels, nil)
	}
	return poolCollector{
		pool:        pool,
		connections: desc("connections", "Connections to Redis, of all nodes of a cluster together.", "state"),
		hits:        desc("hits_total", "Calls that found a connection."),
		misses:      desc("misses_total", "Calls for which a connection had to be made."),
		waits:       desc("waits_total", "Calls that had to wait for a connection: all of REDIS_MAX_CONNECTIONS were in use."),
		timeouts:    desc("timeouts_total", "Calls that waited for a connection in vain."),
		stale:       desc("stale_connections_total", "Connections that were found broken or too old."),
	}
}

// Describe is part of prometheus.Collector.
func (c poolCollector) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, to) }

// Collect is part of prometheus.Collector.
func (c poolCollector) Collect(to chan<- prometheus.Metric) {
	p := c.pool()
	gauge := func(value int, state string) {
		to <- prometheus.MustNewConstMetric(c.connections, prometheus.GaugeValue, float64(value), state)
	}
	gauge(p.Idle, "idle")
	gauge(p.Open-p.Idle, "busy")
	for desc, value := range map[*prometheus.Desc]int64{
		c.hits: p.Hits, c.misses: p.Misses, c.waits: p.Waits, c.timeouts: p.Timeouts, c.stale: p.Stale,
	} {
		to <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value))
	}
}

const (
	// threadsEvery is how old the number of threads may be, and threadsTime how long it may take to count them: Prometheus looks every
	// 15 s or so, with a timeout of 10 s, and there may be many who look.
	threadsEvery = 10 * time.Second
	threadsTime  = time.Second
)

var threadsDesc = prometheus.NewDesc("agentstate_threads", "Threads in Redis, of all owners; absent while that is not known.", nil, nil)

// threads tells how many threads there are, which Redis has to be asked for.
type threads struct {
	count func(ctx context.Context) (int, bool)

	mu    sync.Mutex
	asked time.Time
	total int
	known bool
}

// Describe is part of prometheus.Collector.
func (*threads) Describe(to chan<- *prometheus.Desc) { to <- threadsDesc }

// Collect is part of prometheus.Collector.
func (t *threads) Collect(to chan<- prometheus.Metric) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asked.IsZero() || time.Since(t.asked) >= threadsEvery {
		ctx, cancel := context.WithTimeout(context.Background(), threadsTime)
		defer cancel()
		t.total, t.known = t.count(ctx)
		t.asked = time.Now()
	}
	if t.known {
		to <- prometheus.MustNewConstMetric(threadsDesc, prometheus.GaugeValue, float64(t.total))
	}
}
