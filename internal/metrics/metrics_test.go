package metrics

import (
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scrape gives what Prometheus reads. It may be called once.
func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler(nothing).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	require.Equal(t, 200, w.Code)
	return w.Body.String()
}

// The names of operations are the clients': whoever makes up new ones shall not fill the memory of this process, nor of Prometheus.
func TestOperationsAreBounded(t *testing.T) {
	t.Parallel()
	m := New("rate")
	var all sync.WaitGroup
	for n := range 10 {
		all.Go(func() {
			for i := range 500 {
				m.Operation("query", fmt.Sprint("Q", n*500+i), fmt.Sprint("CODE", i), time.Millisecond)
			}
		})
	}
	all.Wait()
	m.Operation("mutation", "Save", "", time.Millisecond)
	m.Limit("unheard of")
	assert.Len(t, *m.operations.known.Load(), mostOperations+1)
	for name, series := range *m.operations.known.Load() {
		assert.LessOrEqual(t, len(*series.codes.known.Load()), mostCodes+1, name)
	}
	text := scrape(t, m)
	assert.NotContains(t, text, "Save", "it came too late")
	assert.Contains(t, text, `agentstate_operations_total{code="other",operation="other",type="other"}`)
	assert.Contains(t, text, `agentstate_limits_hit_total{limit="other"} 1`)
}

func TestWhatIsKnownCostsNoMemory(t *testing.T) {
	m := New("rate")
	observe := func() {
		m.Operation("query", "Read", "", time.Millisecond)
		m.Operation("query", "Read", "NOT_FOUND", time.Millisecond)
		m.Trip("append", "ok", time.Millisecond)
		m.Limit("rate")
		m.CutOff()
	}
	observe()
	assert.Zero(t, testing.AllocsPerRun(1000, observe))
}

// A name is a part of the document that a client has sent, which must not be kept for it.
func TestNamesAreKeptWithoutTheirDocuments(t *testing.T) {
	t.Parallel()
	var got key
	table := newTable(10, key{other}, func(k key) int { got = k; return 1 })
	document := []byte("query Read { … }")
	given := string(document)
	table.of(key{given[:5], given[6:10]})
	assert.Equal(t, key{"query", "Read"}, got)
	for kept := range *table.known.Load() {
		assert.NotSame(t, stringData(given), stringData(kept[0]))
	}
}

func TestHandlerSpeaksThePrometheusFormat(t *testing.T) {
	t.Parallel()
	m := New("rate")
	m.Operation("query", "Read", "", time.Millisecond)
	text := scrape(t, m)
	assert.Contains(t, text, `agentstate_operations_total{code="OK",operation="Read",type="query"} 1`)
	assert.NotContains(t, text, "agentstate_threads ", "it is not known")
}
