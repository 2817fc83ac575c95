// Package httpapi is the HTTP edge: the routes, the GraphQL transports and the limits on what comes in. It knows HTTP and
// GraphQL; of Redis and of the domain it knows nothing.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/go-chi/chi/v5"

	"agentstate/internal/auth"
)

// Config is what the edge needs from the rest. All of it must be given but Extensions, Auth, Trusted, Documents,
// AllowedOrigins, HideSchema, Playground, Inspector, REST, Panics and Observer.
type Config struct {
	// Schema answers the operations. New deletes the directives from it that only serve code generation.
	Schema graphql.ExecutableSchema
	// Extensions run in their order around each operation, behind introspection and persisted queries.
	Extensions []graphql.HandlerExtension
	// PresentError makes the public error of one that a resolver or gqlgen gave: its message and extensions.code. It must
	// leave a code that is there already as it is.
	PresentError graphql.ErrorPresenterFunc
	// Recover makes an error of a panic in a resolver.
	Recover graphql.RecoverFunc
	// Auth tells who calls; nil lets everybody do everything.
	Auth auth.Authenticator
	// MaxRequestBytes is the most that a POST body or a WebSocket message may have.
	MaxRequestBytes int64
	// MaxQueryTokens is the most lexical tokens that a document may have; 0 is no limit.
	MaxQueryTokens int
	// Trusted are the trusted documents; nil is none.
	Trusted *TrustedDocuments
	// Documents keeps what clients persist for all processes, for PersistedTTL behind its last use; nil keeps it in this one alone.
	Documents    DocumentStore
	PersistedTTL time.Duration
	// AllowedOrigins are those of the pages that may use the API beside the server's own, as browsers write them, or "*" for all.
	AllowedOrigins []string
	// LocalPages says that the server's own pages are at localhost and loopback addresses alone; another name in the address bar of a
	// browser is somebody else's.
	LocalPages bool
	// HideSchema refuses introspection, and leaves suggestions out of errors.
	HideSchema bool
	// Playground serves / and /assets/*; nil is none.
	Playground http.Handler
	// Inspector serves /threads and /threads/assets/*; nil is none.
	Inspector http.Handler
	// REST serves what is below /redis/, behind the same doors as GraphQL; nil is none. Answers may come in parts.
	REST http.Handler
	// Metrics serves /metrics.
	Metrics http.Handler
	// Health gives the body of GET /health, which is marshalled as JSON. It bounds its own time.
	Health func(ctx context.Context) any
	// Ready tells by nil that requests can be served. It bounds its own time.
	Ready func(ctx context.Context) error
	Log   *slog.Logger
	// Panics counts the panics that are caught outside resolvers; nil counts none.
	Panics *atomic.Int64
	// Observer hears of operations, of limits that are met and of listeners that are cut off; nil is nobody.
	Observer Observer
	// Streams ends WebSockets and event streams when the server stops.
	Streams *Streams
	// KeepAlive is the time between the pings of a WebSocket and between the comments of a silent event stream; 0 is none.
	KeepAlive time.Duration
	// Limits bounds what one caller may ask for. Its zero value is no limit but on the operations of a connection.
	Limits Limits
	// StopGrace is how long operations over a WebSocket may go on when the server stops.
	StopGrace time.Duration
	// WriteTimeout is how long a client may take to receive one message or event before it is cut off.
	WriteTimeout time.Duration
}

// New gives the handler of all routes. It starts no goroutine: what a request starts ends with its context, and with
// Config.Streams where it would not end by itself.
func New(cfg Config) http.Handler {
	panics := panicLog{cfg.Log, cfg.Panics, cfg.Observer}
	doors, pages := newDoors(cfg), newOrigins(cfg.AllowedOrigins, cfg.LocalPages)
	api := newGraphQL(cfg, panics, doors, pages)
	health := health{state: cfg.Health, ready: cfg.Ready, log: cfg.Log}

	r := chi.NewRouter()
	if cfg.REST != nil {
		r.Use(detailed)
	}
	r.Use(hardened, panics.middleware, pages.ownName, timedBodies(cfg.Limits.BodyTimeout))
	r.NotFound(notFound)
	r.MethodNotAllowed(methodNotAllowed)
	r.Group(func(r chi.Router) {
		r.Use(pages.share(shared{}), compressed)
		r.With(pages.guard).Method(http.MethodPost, "/graphql", api)
		r.With(pages.guard).Method(http.MethodGet, "/graphql", api)
		getAndHead(r, "/health", identified(cfg.Auth, doors, http.HandlerFunc(health.report)))
		getAndHead(r, "/livez", http.HandlerFunc(health.live))
		getAndHead(r, "/readyz", http.HandlerFunc(health.readiness))
		for _, path := range []string{"/graphql", "/health", "/livez", "/readyz"} {
			r.Method(http.MethodOptions, path, http.HandlerFunc(methodNotAllowed)) // what share leaves of them
		}
	})
	if cfg.REST != nil { // it compresses by itself
		r.Group(func(r chi.Router) {
			r.Use(pages.share(restShared))
			r.Handle(restPath+"*", restAPI(cfg, doors, pages))
			r.Method(http.MethodOptions, restPath+"*", cfg.REST) // what share leaves of them
		})
	}
	getAndHead(r, "/metrics", onlyFor(auth.Admin, cfg.Auth, doors, cfg.Metrics)) // it compresses by itself, and is for no page
	if cfg.Playground != nil {                                                   // it compresses by itself, and is for its own page alone
		getAndHead(r, "/", cfg.Playground)
		getAndHead(r, "/assets/*", cfg.Playground)
	}
	if cfg.Inspector != nil {
		getAndHead(r, "/threads", cfg.Inspector)
		getAndHead(r, "/threads/assets/*", cfg.Inspector)
	}
	return r
}

// getAndHead routes HEAD as well as GET: net/http itself leaves the body of an answer to HEAD out.
func getAndHead(r chi.Router, pattern string, h http.Handler) {
	r.Method(http.MethodGet, pattern, h)
	r.Method(http.MethodHead, pattern, h)
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	refusal{
		status: http.StatusNotFound, code: codeNotFound,
		message: "There is nothing at this path: send GraphQL requests to /graphql.",
	}.write(w, mediaJSON)
}

// methodNotAllowed answers 405 with the methods of the path, which RFC 9110, section 15.5.6, demands, and OPTIONS, which asks for
// them, with 204. chi comes here also for a method that it does not know, whatever the path.
func methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	routes := chi.RouteContext(r.Context()).Routes
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		if routes.Match(chi.NewRouteContext(), method, r.URL.Path) {
			allowed = append(allowed, method)
		}
	}
	if allowed == nil {
		notFound(w, r)
		return
	}
	refused := wrongMethod("Use "+strings.Join(allowed, " or ")+" here.", append(allowed, http.MethodOptions)...)
	if r.Method == http.MethodOptions {
		w.Header().Set("Allow", refused.header.Get("Allow"))
		w.WriteHeader(http.StatusNoContent)
		return
	}
	refused.write(w, mediaJSON)
}
