package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// newGraphQL gives the handler of /graphql. The first transport that supports a request has it.
func newGraphQL(cfg Config, panics panicLog, doors doors, pages origins) http.Handler {
	schema := cfg.Schema.Schema()
	hideDirectives(schema)
	requests := requestReader{maxBytes: cfg.MaxRequestBytes, timeout: cfg.Limits.BodyTimeout, observer: cfg.Observer}
	streams := streamer{streams: cfg.Streams, panics: panics, keepAlive: cfg.KeepAlive, writeTimeout: cfg.WriteTimeout, doors: doors}
	events := eventStream{requests: requests, streamer: streams}
	sockets := &webSocket{
		streams: cfg.Streams, panics: panics, maxBytes: cfg.MaxRequestBytes,
		keepAlive: cfg.KeepAlive, writeTimeout: cfg.WriteTimeout, initTimeout: initTimeout, doors: doors, who: cfg.Auth,
		stopGrace: cfg.StopGrace, origins: pages,
	}

	server := handler.New(cfg.Schema)
	for _, transport := range []graphql.Transport{sockets, events, plain{requests: requests, events: events}} {
		server.AddTransport(guarded{transport, panics})
	}
	server.SetErrorPresenter(presentVariables(presentTokenLimit(cfg.MaxQueryTokens, cfg.PresentError)))
	server.SetRecoverFunc(cfg.Recover)
	server.SetParserTokenLimit(cfg.MaxQueryTokens)
	server.SetDisableSuggestion(cfg.HideSchema)
	server.SetValidationRulesFn(func() *rules.Rules { return validationRules(!cfg.HideSchema) })
	known := newDocuments(schema)
	server.SetQueryCache(known)
	server.Use(noting{})
	if cfg.HideSchema {
		server.Use(noIntrospection{})
	} else {
		server.Use(extension.Introspection{})
	}
	persisted := newPersistedQueries(cfg)
	server.Use(persisted) // the first that looks at parameters: those behind it see the text
	server.Use(documentLimits{cfg.Limits.Document, cfg.MaxQueryTokens, known.cache, schema})
	server.Use(strictVariables{schema})
	server.Use(newComplexity(schema, cfg.Limits.Complexity))
	server.Use(deadlines{cfg.Limits.OperationTimeout})
	for _, e := range cfg.Extensions {
		server.Use(e)
	}
	server.Use(keepPersisted{persisted}) // the last that looks at operations: it keeps what no other refuses
	return authenticate(cfg.Auth, doors, doors.rates.middleware(doors.caller, server))
}

// hiddenDirectives are gqlgen's own: those by which a schema steers it, and @defer, whose answers it gives in a form of 2022 that
// plain HTTP loses.
var hiddenDirectives = []string{
	"defer", "goEmbedInterface", "goEnum", "goExtraField", "goField", "goModel", "goTag", "inlineArguments", "subscriptionContext",
}

// hiding serialises hideDirectives: all executable schemas of the process share one schema.
var hiding sync.Mutex

// hideDirectives takes directives away from validation and introspection. It writes only the first time, so a schema that is
// serving already is left in peace.
func hideDirectives(schema *ast.Schema) {
	hiding.Lock()
	defer hiding.Unlock()
	for _, name := range hiddenDirectives {
		if schema.Directives[name] != nil {
			delete(schema.Directives, name)
		}
	}
}

// mostErrors is how many errors of validation are told: there can be one for each word of a document.
const mostErrors = 20

// createOperation parses and validates a request. Unlike gqlgen it says how to choose the operation where that is what is
// missing.
func createOperation(
	ctx context.Context, exec graphql.GraphExecutor, params *graphql.RawParams,
) (*graphql.OperationContext, gqlerror.List) {
	opCtx, errs := exec.CreateOperationContext(ctx, params)
	errs = errs[:min(len(errs), mostErrors)]
	if errs != nil && opCtx.Doc != nil && opCtx.Operation == nil {
		err := gqlerror.Errorf("Give an `operationName` of the document: it has no operation %q.", clip(params.OperationName))
		if params.OperationName == "" {
			err.Message = "Give the `operationName` of the operation to execute: the document has several."
		}
		errcode.Set(err, errcode.ValidationFailed)
		errs = gqlerror.List{err}
	}
	return opCtx, errs
}

// presentTokenLimit gives the error of a document with more than limit tokens the code of a limit, and leaves all others to
// next. gqlparser has no type for it: it is the only parse error without a location.
func presentTokenLimit(limit int, next graphql.ErrorPresenterFunc) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		parse, ok := err.(*gqlerror.Error) //nolint:errorlint // a wrapped one comes from a resolver
		if !ok || parse.Extensions["code"] != errcode.ParseFailed || len(parse.Locations) > 0 {
			return next(ctx, err)
		}
		return &gqlerror.Error{
			Message:    fmt.Sprintf("Send a document of at most %d tokens.", limit),
			Extensions: map[string]any{"code": codeLimitExceeded, "limit": limit, "actual": limit + 1},
		}
	}
}
