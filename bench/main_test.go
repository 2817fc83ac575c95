//go:build linux

package main

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

// Every row runs on every server, and every answer is right: a wrong one ends it. The figures mean nothing here.
func TestQuickForm(t *testing.T) {
	redistest.Start(t) // or skip
	o := quick
	if _, err := findNode(); err != nil {
		if os.Getenv("AGENTSTATE_NO_SKIP") == "1" {
			t.Fatal(err)
		}
		t.Logf("without the peers: %v", err)
		o.peers = false
	}
	r, _, err := run(t.Context(), o, t.Output())
	require.NoError(t, err)
	servers := 3
	if o.peers {
		servers += len(peers)
	}
	assert.Len(t, r.servers(), servers)
	assert.Len(t, r.Rows, 23)
	for _, row := range r.Rows {
		assert.Contains(t, row.Values, ours, row.Name)
		if row.Name == threadRow || row.Name == addRow {
			assert.Len(t, row.Values, servers, row.Name)
		}
	}
	assert.NotEmpty(t, r.Machine.Redis)
	assert.NoError(t, compare(r, r))
}

// A ratio falls back where it is more than a fifth above the committed one, and a row that is gone has fallen back too.
func TestCompare(t *testing.T) {
	committed := results{Rows: []row{
		{Name: "add", Unit: "µs", Ratio: 1.5, Base: "floor"}, {Name: "read", Unit: "µs", Ratio: 2, Base: "floor"}, {Name: "start", Unit: "ms"},
	}}
	for _, c := range []struct {
		name string
		now  []row
		says string
	}{
		{"the same", committed.Rows, ""},
		{"better", []row{{Name: "add", Unit: "µs", Ratio: 0.5}, {Name: "read", Unit: "µs", Ratio: 2}}, ""},
		{"worse by less than a fifth", []row{{Name: "add", Unit: "µs", Ratio: 1.79}, {Name: "read", Unit: "µs", Ratio: 2.39}}, ""},
		{"one worse by more", []row{{Name: "add", Unit: "µs", Ratio: 1.81}, {Name: "read", Unit: "µs", Ratio: 2}}, "add (µs): 1.81"},
		{"one gone", []row{{Name: "add", Unit: "µs", Ratio: 1.5}}, "read (µs) is not measured any more"},
		{"one of another unit", []row{{Name: "add", Unit: "µs", Ratio: 1.5}, {Name: "read", Unit: "ms", Ratio: 2}}, "read (µs) is not measured"},
		{"one without a ratio", []row{{Name: "add", Unit: "µs"}, {Name: "read", Unit: "µs", Ratio: 2}}, "add (µs) is not measured"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := compare(committed, results{Rows: c.now})
			if c.says == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, c.says)
			}
		})
	}
}

// The checks of answers find what is wrong.
func TestChecksRefuse(t *testing.T) {
	require.NoError(t, equal([]byte(`{"a": [1, "é"]}`), map[string]any{"a": []any{1, "é"}}))
	require.Error(t, equal([]byte(`{"a":[1,2]}`), map[string]any{"a": []any{2, 1}}))
	require.Error(t, equal([]byte(`{"a":1,"errors":[]}`), map[string]any{"a": 1}))
	require.NoError(t, same([]byte("a"), []byte("a")))
	require.Error(t, same([]byte("a"), []byte("b")))
	good := `{"data":{"addMessages":{"messages":[{"messageId":"m-0000000004","seq":5},{"messageId":"m-0000000005","seq":6}],"duplicates":0}}}`
	require.NoError(t, checkBatch([]byte(good), 4, 2))
	for _, wrong := range []string{
		`{"data":{"addMessages":{"messages":[{"messageId":"m-0000000004","seq":5}],"duplicates":0}}}`,
		`{"data":{"addMessages":{"messages":[{"messageId":"m-0000000005","seq":5},{"messageId":"m-0000000004","seq":6}],"duplicates":0}}}`,
		`{"data":{"addMessages":{"messages":[{"messageId":"m-0000000004","seq":5},{"messageId":"m-0000000005","seq":6}],"duplicates":1}}}`,
		`{"errors":[{"message":"no"}]}`,
	} {
		assert.Error(t, checkBatch([]byte(wrong), 4, 2), wrong)
	}
}

// A listener that misses a message, gets one twice, or gets another one says so.
func TestListenersRefuse(t *testing.T) {
	frame := func(seq int, of int) []byte {
		m := message(of)
		return []byte(`{"id":"1","type":"next","payload":{"data":{"messageAdded":{"seq":` + thousands(seq) + `,"messageId":"` + m.MessageID +
			`","type":"` + string(m.Type) + `","content":` + string(m.Content) + `,"timestamp":"2026-11-23T12:00:00.123456Z"}}}}`)
	}
	for _, c := range []struct {
		name string
		seq  int
		of   int
		ok   bool
	}{
		{"the next one", 6, 6, true},
		{"one is missing", 7, 7, false},
		{"one comes twice", 5, 5, false},
		{"the content of another one", 6, 7, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, whole := range []bool{true, false} {
				l := &listener{whole: whole}
				l.last.Store(5)
				err := l.take(frame(c.seq, c.of), true)
				assert.Equal(t, c.ok, err == nil, "%v", err)
			}
		})
	}
	other := slices.Concat(frame(6, 6)[:80], []byte("X"), frame(6, 6)[81:])
	l := &listener{whole: true}
	l.last.Store(5)
	assert.Error(t, l.take(other, true))
}

// All messages have the size that the table names.
func TestMessagesHaveTheirSize(t *testing.T) {
	for i := range 8 {
		assert.Len(t, bodyOf(message(i)), messageBytes)
	}
}

func TestPercentile(t *testing.T) {
	var sorted []time.Duration
	for i := range 200 {
		sorted = append(sorted, time.Duration(i))
	}
	assert.Equal(t, time.Duration(100), percentile(sorted, 50))
	assert.Equal(t, time.Duration(198), percentile(sorted, 99))
	assert.Zero(t, percentile(nil, 99))
}
