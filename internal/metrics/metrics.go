// Package metrics tells Prometheus what the server is doing. Names and units follow https://prometheus.io/docs/practices/naming/.
// docs/operations.md says what each is for; a test compares the two.
//
// There are two kinds. What is counted elsewhere already is asked for when somebody looks (Sources). What needs a label or a time is
// observed as it happens (Operation, Trip, Limit, CutOff): that costs some 100 ns, takes no lock, and allocates nothing.
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// mostOperations bounds the operations that are told apart: their names are the clients'. Beyond, they are "other".
	mostOperations = 100
	// mostTrips bounds the kinds of calls of Redis, which are a few dozen.
	mostTrips = 100
	// mostCodes bounds the codes of one operation, which are those of the API and some statuses of HTTP.
	mostCodes = 40
	// other stands for what is beyond a bound.
	other = "other"
)

// Times of operations and of calls of Redis, in seconds: from a read of one key on this host to what has its limit at 30 s.
var (
	operationTimes = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	tripTimes      = []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}
)

// Metrics are those of one server.
type Metrics struct {
	registry   *prometheus.Registry
	operations *table[*series]
	trips      *table[*series]
	limits     *table[prometheus.Counter]
	cutOff     prometheus.Counter
}

// series are the metrics of one operation or call: how long it takes, and how often it has ended in which way.
type series struct {
	took  prometheus.Observer
	codes *table[prometheus.Counter]
}

func (s *series) ended(code string, took time.Duration) {
	s.took.Observe(took.Seconds())
	s.codes.of(key{code}).Inc()
}

// New gives metrics, of which those about these limits are there from the beginning.
func New(limits ...string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.observeOperations()
	m.observeTrips()

	hits := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "agentstate_limits_hit_total", Help: "Requests and operations that were refused because of a limit, by its kind.",
	}, []string{"limit"})
	m.limits = newTable(len(limits), key{other}, func(limit key) prometheus.Counter { return hits.WithLabelValues(limit[0]) })
	for _, limit := range limits {
		m.limits.of(key{limit})
	}
	m.cutOff = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "agentstate_slow_clients_cut_off_total", Help: "Listeners that were cut off because they took nothing for SLOW_CLIENT_TIMEOUT.",
	})
	m.registry.MustRegister(hits, m.cutOff)
	return m
}

func (m *Metrics) observeOperations() {
	times := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "agentstate_operation_duration_seconds", Buckets: operationTimes,
		Help: "Time from a request to its answer, and of subscriptions until they are subscribed.",
	}, []string{"type", "operation"})
	counts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "agentstate_operations_total", Help: "Operations that have ended, by the code of their error, or OK.",
	}, []string{"type", "operation", "code"})
	m.registry.MustRegister(times, counts)
	m.operations = newTable(mostOperations, key{other, other}, func(op key) *series {
		ended := counts.MustCurryWith(prometheus.Labels{"type": op[0], "operation": op[1]})
		return newSeries(times.WithLabelValues(op[0], op[1]), ended)
	})
}

func (m *Metrics) observeTrips() {
	times := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "agentstate_redis_call_duration_seconds", Buckets: tripTimes,
		Help: "Time that a call of Redis takes, with the wait for a connection and what is repeated.",
	}, []string{"call"})
	counts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "agentstate_redis_calls_total", Help: "Calls of Redis, each a round trip, by the script or first command, and by how they ended.",
	}, []string{"call", "outcome"})
	m.registry.MustRegister(times, counts)
	m.trips = newTable(mostTrips, key{other}, func(call key) *series {
		return newSeries(times.WithLabelValues(call[0]), counts.MustCurryWith(prometheus.Labels{"call": call[0]}))
	})
}

func newSeries(took prometheus.Observer, ended *prometheus.CounterVec) *series {
	return &series{took, newTable(mostCodes, key{other}, func(code key) prometheus.Counter { return ended.WithLabelValues(code[0]) })}
}

// Operation counts an operation that has ended: one of GraphQL, "query" and "Read", or of REST, "rest" and "GET /redis/agent-states". code
// is "" where it has gone well.
func (m *Metrics) Operation(kind, name, code string, took time.Duration) {
	if code == "" {
		code = "OK"
	}
	m.operations.of(key{kind, name}).ended(code, took)
}

// Trip counts a call of Redis.
func (m *Metrics) Trip(name, outcome string, took time.Duration) {
	m.trips.of(key{name}).ended(outcome, took)
}

// Limit counts that a limit was met.
func (m *Metrics) Limit(kind string) { m.limits.of(key{kind}).Inc() }

// CutOff counts a listener that was cut off.
func (m *Metrics) CutOff() { m.cutOff.Inc() }

// Handler serves them in the formats of Prometheus, with those of the sources, of the process and of Go's runtime. It may be called once.
func (m *Metrics) Handler(s Sources) http.Handler {
	s.register(m.registry)
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
