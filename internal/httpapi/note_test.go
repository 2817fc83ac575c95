package httpapi_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/httpapi"
)

// panicking is an extension that panics in each response of an operation.
type panicking struct{}

func (panicking) ExtensionName() string                   { return "Panicking" }
func (panicking) Validate(graphql.ExecutableSchema) error { return nil }
func (panicking) InterceptResponse(context.Context, graphql.ResponseHandler) *graphql.Response {
	panic("it panics")
}

// TestPanicsAreCountedAndNamed: over each transport the log has the operation under the errorId that the client got, and the panic
// is counted once.
func TestPanicsAreCountedAndNamed(t *testing.T) {
	var count atomic.Int64
	s := newServer(t, func(c *httpapi.Config) {
		c.Panics = &count
		c.Extensions = append(c.Extensions, panicking{})
	})
	body := func(name string) string { return `{"query":"query ` + name + ` { agentStateCount }"}` }
	c := s.dial(t, "graphql-transport-ws")
	c.initiate(t)
	for i, send := range []struct {
		name string
		do   func(body string) string
	}{
		{"ByPost", func(body string) string { return s.post(t, body).body }},
		{"ByStream", func(body string) string { return s.post(t, body, "Accept", "text/event-stream").body }},
		{"BySocket", func(body string) string {
			c.write(t, `{"id":"1","type":"subscribe","payload":`+body+`}`)
			return c.read(t)
		}},
	} {
		got := send.do(body(send.name))
		_, id, ok := strings.Cut(got, `"errorId":"`)
		require.True(t, ok, "%s: %s", send.name, got)
		id, _, _ = strings.Cut(id, `"`)
		assert.Equal(t, int64(i+1), count.Load(), send.name)
		var named []string
		for line := range strings.Lines(s.log.String()) {
			var entry map[string]any
			require.NoError(t, json.Unmarshal([]byte(line), &entry))
			if entry["errorId"] == id {
				named = append(named, entry["operation"].(string))
			}
		}
		assert.Equal(t, []string{"query " + send.name}, named)
	}
}
