package httpapi

import (
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// requestReader reads GraphQL requests off HTTP requests.
type requestReader struct {
	maxBytes int64         // the most that a body may have
	timeout  time.Duration // how long it may take to come; 0 is no limit
	observer Observer      // hears of bodies that are too large; nil is nobody
}

// read gives the GraphQL request that r carries, in its body or in its URL, or the refusal of what is none. The names of
// parameters are those of GraphQL over HTTP; others are left alone, as it demands.
func (q requestReader) read(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *refusal) {
	start := graphql.Now()
	var fields map[string]any
	var refused *refusal
	if r.Method == http.MethodGet {
		fields, refused = readURL(r.URL.RawQuery)
	} else {
		fields, refused = q.readBody(w, r)
	}
	if refused != nil {
		return nil, refused
	}
	params, refused := toParams(fields)
	if refused != nil {
		return nil, refused
	}
	params.Headers = r.Header
	params.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}
	return params, nil
}

// toParams takes the parameters of a GraphQL request out of decoded JSON. A null is the same as nothing. Only a request
// that names its document comes without one.
func toParams(fields map[string]any) (*graphql.RawParams, *refusal) {
	var params graphql.RawParams
	var ok bool
	if params.Query, ok = optional[string](fields["query"]); !ok {
		return nil, badParameter("query", "Give `query` as a string.")
	}
	if params.OperationName, ok = optional[string](fields["operationName"]); !ok {
		return nil, badParameter("operationName", "Give `operationName` as a string or null.")
	}
	if params.Variables, ok = optional[map[string]any](fields["variables"]); !ok {
		return nil, badParameter("variables", "Give `variables` as an object or null.")
	}
	if params.Extensions, ok = optional[map[string]any](fields["extensions"]); !ok {
		return nil, badParameter("extensions", "Give `extensions` as an object or null.")
	}
	var refused *refusal
	if params.Extensions, refused = takeDocumentID(fields[documentID], params.Query, params.Extensions); refused != nil {
		return nil, refused
	}
	if params.Query == "" && params.Extensions["persistedQuery"] == nil && params.Extensions[documentID] == nil {
		return nil, badParameter("query", "Give `query` as a GraphQL document.")
	}
	return &params, nil
}

func badParameter(name, message string) *refusal {
	refused := malformed("%s", message)
	refused.extensions = map[string]any{"argument": name}
	return refused
}

// optional gives v as a T, or the zero T where v is null; ok is false where v is something else.
func optional[T any](v any) (value T, ok bool) {
	if v == nil {
		return value, true
	}
	value, ok = v.(T)
	return value, ok
}

// checkMethod refuses a mutation by GET: links, prefetching and retries may repeat a GET, and a page of another origin may
// send one (GraphQL over HTTP, section GET).
func checkMethod(r *http.Request, operation ast.Operation) *refusal {
	if r.Method != http.MethodGet || operation != ast.Mutation {
		return nil
	}
	refused := wrongMethod("Send mutations with POST.", http.MethodPost)
	return &refused
}
