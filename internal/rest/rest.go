// Package rest answers the REST endpoints of the service that this one replaces, under /redis, over the same store as GraphQL: in its
// snake_case, with its status codes, and with FastAPI's form of errors. What is the same and what is right here where it was
// wrong there is told in docs/rest.md; openapi.yaml describes the endpoints, and a test compares it with the answers.
//
// Who calls, how often, from which pages and with how large a body is decided at the edge, ahead of this package (internal/httpapi);
// what an endpoint needs of his scopes is looked up in the table of the resolvers.
package rest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"agentstate/internal/auth"
	"agentstate/store"
)

// Limits are those of GraphQL's messages and contexts; the store has those that need to know the thread.
type Limits struct {
	MessageBytes, ContextBytes int
	// BatchMessages is how many messages one PUT may add.
	BatchMessages int
	// OperationTimeout is how long a write may take, and each step of a read; 0 is no limit.
	OperationTimeout time.Duration
}

// Options are what the endpoints need from the rest. All must be given but Observer.
type Options struct {
	Store  *store.Store
	Limits Limits
	Log    *slog.Logger
	// ScopeOf gives the scope that an operation of GraphQL needs, by its name; false where there is none of that name.
	ScopeOf func(operation string) (auth.Scope, bool)
	// Now is the clock; NewID makes the ids that a client leaves out.
	Now   func() time.Time
	NewID func() string
	// Observer hears of requests; nil is nobody, and may be left out.
	Observer Observer
}

// endpoint is one of the API.
type endpoint struct {
	method, pattern string
	// operation is the field of GraphQL that does the same, and so needs the same scope; "" is for whoever is known.
	operation string
	serve     func(*call) error
}

// endpoints are all of them.
var endpoints = []endpoint{
	{http.MethodPost, "/redis/agent-state", "createAgentState", (*call).create},
	{http.MethodGet, "/redis/agent-state/{thread_id}", "agentState", (*call).get},
	{http.MethodPut, "/redis/agent-state/{thread_id}", "updateAgentState", (*call).put},
	{http.MethodDelete, "/redis/agent-state/{thread_id}", "deleteAgentState", (*call).delete},
	{http.MethodPost, "/redis/agent-state/{thread_id}/messages", "addMessage", (*call).addMessage},
	{http.MethodPut, "/redis/agent-state/{thread_id}/context", "setContext", (*call).setContext},
	{http.MethodPut, "/redis/agent-state/{thread_id}/relevance", "setRelevance", (*call).setRelevance},
	{http.MethodGet, "/redis/agent-state/{thread_id}/exists", "agentStateExists", (*call).exists},
	{http.MethodGet, "/redis/agent-state/{thread_id}/ttl", "agentStateTtl", (*call).ttl},
	{http.MethodPost, "/redis/agent-state/{thread_id}/extend-ttl", "extendTtl", (*call).extendTTL},
	{http.MethodGet, "/redis/agent-states", "threadIds", (*call).list},
	{http.MethodGet, "/redis/agent-states/recent", "recentAgentStates", (*call).recent},
	{http.MethodPost, "/redis/cleanup-expired", "cleanupExpired", (*call).cleanup},
	{http.MethodGet, "/redis/openapi.yaml", "", (*call).openAPI},
}

// handler is all endpoints.
type handler struct {
	Options
	router chi.Router
}

// New gives the handler of all that is below /redis. The context of a request must carry its caller (auth.From), and its body must be
// bounded. It starts no goroutine. An endpoint whose operation has no scope is a mistake of the program, and panics.
func New(o Options) http.Handler {
	h := handler{Options: o, router: chi.NewRouter()}
	for _, e := range endpoints {
		scope, ok := o.ScopeOf(e.operation)
		if !ok && e.operation != "" {
			panic("rest: there is no operation " + e.operation)
		}
		h.router.Method(e.method, e.pattern, h.serve(e, scope))
	}
	h.router.NotFound(h.notFound)
	h.router.MethodNotAllowed(h.methodNotAllowed)
	return h
}

// ServeHTTP routes by the path as it was sent, in which a thread's id is percent-encoded: so an id may have a slash.
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route := chi.NewRouteContext()
	route.RoutePath = r.URL.EscapedPath()
	h.router.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), chi.RouteCtxKey, route)))
}

// serve lets an endpoint answer callers who may ask for it.
func (h handler) serve(e endpoint, scope auth.Scope) http.Handler {
	return h.observed(e.method+" "+e.pattern, func(w http.ResponseWriter, r *http.Request) {
		caller := auth.From(r.Context())
		c := &call{handler: h, r: r, w: w, out: answer{w: w}, caller: caller, threads: h.Store.For(caller.Owner), writes: scope&auth.Read == 0}
		if err := c.permitted(scope, e.serve); err != nil {
			c.fail(err)
		}
	})
}

// permitted runs an endpoint, unless the caller lacks the scope.
func (c *call) permitted(scope auth.Scope, serve func(*call) error) error {
	switch {
	case !c.caller.Known():
		return &refused{status: http.StatusUnauthorized, detail: "Send a token, as `Authorization: Bearer …`."}
	case !c.caller.May(scope):
		challenge := `Bearer realm="agentstate", error="insufficient_scope", scope="` + scope.String() + `"`
		return &refused{
			status: http.StatusForbidden, detail: "Send a token with the scope `" + scope.String() + "`.",
			header: http.Header{"Www-Authenticate": {challenge}},
		}
	}
	err := serve(c)
	if c.out.sent && err != nil {
		if !errors.Is(err, errGone) && c.r.Context().Err() == nil {
			c.Log.WarnContext(c.r.Context(), "an answer was broken off: the rest of it could not be read", "path", c.r.URL.Path, "error", err)
		}
		panic(http.ErrAbortHandler) // the status is out: the client must see that the answer is not whole
	}
	return err
}

// notFound answers what FastAPI answers, which also sends clients on that end the path of an endpoint with a slash.
func (h handler) notFound(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	if without := strings.TrimSuffix(path, "/"); without != path && h.router.Match(chi.NewRouteContext(), r.Method, without) {
		target := without
		if r.URL.RawQuery != "" {
			target += "?" + r.URL.RawQuery
		}
		http.Redirect(w, r, target, http.StatusTemporaryRedirect) //nolint:gosec // it begins with the path of an endpoint here
		return
	}
	(&refused{status: http.StatusNotFound, detail: "Not Found"}).write(w)
}

// methodNotAllowed answers 405 with the methods of the path, and OPTIONS, which asks for them, with 204.
func (h handler) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		if h.router.Match(chi.NewRouteContext(), method, r.URL.EscapedPath()) {
			allowed = append(allowed, method)
		}
	}
	w.Header().Set("Allow", strings.Join(append(allowed, http.MethodOptions), ", "))
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	(&refused{status: http.StatusMethodNotAllowed, detail: "Method Not Allowed"}).write(w)
}
