package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/vektah/gqlparser/v2/ast"

	"agentstate/internal/httpapi"
	"agentstate/internal/operation"
)

// observations is an Observer that keeps what it hears.
type observations struct {
	mu         sync.Mutex
	operations []string
	limits     []httpapi.Limit
}

type observedKey struct{}

func (o *observations) BeginOperation(ctx context.Context, op *ast.OperationDefinition) context.Context {
	return context.WithValue(ctx, observedKey{}, op)
}

func (o *observations) EndOperation(ctx context.Context, op httpapi.Operation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := fmt.Sprintf("%s|%s|%d", operation.Label(op.Definition), op.Code, op.Responses)
	if begun, _ := ctx.Value(observedKey{}).(*ast.OperationDefinition); begun != op.Definition || op.Took < 0 {
		text += "|with another context"
	}
	o.operations = append(o.operations, text)
}

func (o *observations) Limit(kind httpapi.Limit) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.limits = append(o.limits, kind)
}

func (*observations) CutOff() {}

func TestOperationsAreObserved(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body   string
		want   string
		limits []httpapi.Limit
	}{
		"well":          {`{"query": "query Count { agentStateCount }"}`, "query Count||1", nil},
		"no document":   {`{"query": "query {"}`, "|GRAPHQL_PARSE_FAILED|1", nil},
		"not valid":     {`{"query": "{ nothing }"}`, "|GRAPHQL_VALIDATION_FAILED|1", nil},
		"not persisted": {`{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "` + strings.Repeat("a", 64) + `"}}}`, "|PERSISTED_QUERY_NOT_FOUND|1", nil},
		"too long":      {`{"query": "{` + strings.Repeat(" agentStateCount", 600) + `}"}`, "|LIMIT_EXCEEDED|1", []httpapi.Limit{httpapi.LimitDocument}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			heard := &observations{}
			s := newServer(t, func(cfg *httpapi.Config) { cfg.Observer = heard })
			s.post(t, test.body)
			assert.Equal(t, []string{test.want}, heard.operations)
			assert.Equal(t, test.limits, heard.limits)
		})
	}
}

func TestLimitsAreObserved(t *testing.T) {
	t.Parallel()
	heard := &observations{}
	s := newServer(t, func(cfg *httpapi.Config) {
		cfg.Observer, cfg.MaxRequestBytes = heard, 1024
		cfg.Limits.RequestsPerSecond, cfg.Limits.RequestBurst = 1, 2
	})
	assert.Equal(t, http.StatusRequestEntityTooLarge, s.post(t, `{"query": "`+strings.Repeat(" ", 2000)+`"}`).status)
	for s.post(t, `{"query": "{ agentStateCount }"}`).status == http.StatusOK {
	}
	assert.Equal(t, []httpapi.Limit{httpapi.LimitBody, httpapi.LimitRate}, heard.limits)
}
