package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"golang.org/x/time/rate"
)

// Automatic persisted queries are Apollo's protocol: a client sends the SHA-256 of its document, and the text as well only where the
// server does not know it. https://www.apollographql.com/docs/apollo-server/performance/apq
//
// gqlgen's extension.AutomaticPersistedQuery would keep a text ahead of parsing it, so that anybody could fill the store of all
// processes with what is no document; it asks the store for any hash that a client makes up, and its other errors have no codes. So this
// is one of our own, in two extensions: persistedQueries puts the text into a request before anything looks at it, and
// keepPersisted, behind every check, keeps what has passed.
//
// The texts are no secret, and are the same for all callers whoever they are: one is found by its own hash alone, which nobody
// can give another text, and to know a document is not to be allowed to execute it.

const (
	// notPersisted is the message that clients look for, Apollo's beside the code and urql in place of it.
	notPersisted = "PersistedQueryNotFound"
	// persistedHash is under which name the statistics of an operation have the hash that its text shall be kept under.
	persistedHash = "agentstate.persistedQuery"
	// sharedTimeout bounds what a request waits for the store. That a text is not found costs the client a round trip, no more.
	sharedTimeout = 500 * time.Millisecond
	// saveAgain is after how long a text is offered to the store again that it did not take.
	saveAgain = time.Minute
	// A process adds so many bytes of new texts to the store, and so many more in a second. Clients have some dozens of documents of
	// a few hundred bytes each; who sends ever new ones fills no more than this. Beyond it a text is known to one process alone.
	newBytes       = 16 << 20
	newBytesPerSec = float64(1<<20) / 3600
)

// DocumentStore keeps the texts of documents for all processes, under their SHA-256 in hex.
type DocumentStore interface {
	// Document gives the text of a hash, and keeps it for another ttl; found is false where there is none.
	Document(ctx context.Context, hash string, ttl time.Duration) (text string, found bool, err error)
	// SaveDocument keeps a text for ttl from now on.
	SaveDocument(ctx context.Context, hash, text string, ttl time.Duration) error
}

// persistedQueries is a gqlgen extension that puts the text of a document into a request that only names it.
type persistedQueries struct {
	trusted *TrustedDocuments // nil for none
	// local holds the texts that this process has met, and shared those of all of them; nil for none.
	local  *cache[keptText]
	shared DocumentStore
	ttl    time.Duration
	budget *rate.Limiter
	log    *slog.Logger
}

// keptText is a text in the process. From renew on the store is told that it is still used.
type keptText struct {
	text   string
	renew  time.Time
	shared bool // whether the store had it
}

func (k keptText) size() int { return len(k.text) }

func newPersistedQueries(cfg Config) persistedQueries {
	return persistedQueries{
		trusted: cfg.Trusted, shared: cfg.Documents, ttl: cfg.PersistedTTL, log: cfg.Log,
		local:  newCache[keptText](maxDocuments, maxDocumentsBytes, maxDocumentBytes),
		budget: rate.NewLimiter(rate.Limit(newBytesPerSec), newBytes),
	}
}

// ExtensionName names the extension.
func (persistedQueries) ExtensionName() string { return "PersistedQueries" }

// Validate has nothing to check.
func (persistedQueries) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters gives the request its text, or refuses it: one that names an unknown document, names another one than it
// sends, or sends one that is not trusted where only those are served.
func (p persistedQueries) MutateOperationParameters(ctx context.Context, params *graphql.RawParams) *gqlerror.Error {
	id, err := documentIDOf(params.Extensions)
	if err != nil {
		return err
	}
	if params.Query == "" {
		return p.find(ctx, params, id)
	}
	if p.trusted.only() && !p.trusted.hasText(params.Query) {
		return coded(codeForbidden, "Send one of the server's trusted documents: it executes no others.")
	}
	if id == "" {
		return nil
	}
	if text, ok := p.trusted.text(id); ok && text == params.Query {
		return nil // known by an id that need be no hash
	}
	if hashOf(params.Query) != id {
		return coded(codeBadUserInput, "Give `sha256Hash` the SHA-256 of `query` in hex: provided sha does not match query.")
	}
	if !p.trusted.only() {
		graphql.GetOperationContext(ctx).Stats.SetExtension(persistedHash, id)
	}
	return nil
}

// find puts the text of a document into a request that only names it.
func (p persistedQueries) find(ctx context.Context, params *graphql.RawParams, id string) *gqlerror.Error {
	if text, ok := p.trusted.text(id); ok {
		params.Query = text
		return nil
	}
	if p.trusted.only() {
		return coded(codeUnknownQuery, "Name one of the server's trusted documents: it has none of this id, and executes no others.")
	}
	text, ok := p.get(ctx, strings.TrimPrefix(id, hashPrefix))
	if !ok {
		return coded(codeUnknownQuery, notPersisted)
	}
	params.Query = text
	return nil
}

// get gives the text of a hash. While the store cannot be reached it knows only what this process has met: clients then send their
// texts, and everything goes on.
func (p persistedQueries) get(ctx context.Context, hash string) (string, bool) {
	if kept, ok := p.local.Get(ctx, hash); ok {
		p.keep(ctx, hash, kept.text)
		return kept.text, true
	}
	if p.shared == nil || !isHash(hash) {
		return "", false
	}
	bounded, cancel := context.WithTimeout(ctx, sharedTimeout)
	defer cancel()
	text, found, err := p.shared.Document(bounded, hash, p.ttl)
	if err != nil && ctx.Err() == nil {
		p.log.WarnContext(ctx, "persisted queries cannot be read; clients have to send their texts", "error", err)
	}
	if err != nil || !found || hashOf(text) != hash { // whoever else writes to the store gives no text another hash
		return "", false
	}
	p.local.Add(ctx, hash, keptText{text: text, renew: time.Now().Add(p.renewal()), shared: true})
	return text, true
}

// keep keeps a text that has its hash, and tells the store of it: once, and then only now and then while it is used. Whether the
// store takes it is of no matter to the request that brings it.
func (p persistedQueries) keep(ctx context.Context, hash, text string) {
	now := time.Now()
	known, ok := p.local.Get(ctx, hash)
	if len(text)+len(hash) > maxDocumentBytes || (ok && now.Before(known.renew)) {
		return
	}
	kept := keptText{text: text, renew: now.Add(p.renewal()), shared: known.shared}
	p.local.Add(ctx, hash, kept) // at once, so that of many requests one tells the store
	if p.shared == nil || (!known.shared && !p.budget.AllowN(now, len(text))) {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, sharedTimeout)
	defer cancel()
	err := p.shared.SaveDocument(bounded, hash, text, p.ttl)
	if kept.shared = err == nil; !kept.shared {
		kept.renew = now.Add(min(saveAgain, p.renewal()))
	}
	p.local.Add(ctx, hash, kept)
	if err != nil && ctx.Err() == nil {
		p.log.WarnContext(ctx, "a persisted query could not be kept for the other processes", "error", err)
	}
}

// renewal is how long a text that is used goes without the store being told.
func (p persistedQueries) renewal() time.Duration { return p.ttl / 4 }

// keepPersisted is a gqlgen extension that keeps the text of an operation whose client wants that. It must be the last one that
// looks at operations: what comes to it has been parsed and validated, and has passed every check and limit.
type keepPersisted struct{ queries persistedQueries }

// ExtensionName names the extension.
func (keepPersisted) ExtensionName() string { return "KeepPersisted" }

// Validate has nothing to check.
func (keepPersisted) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext keeps the text. It changes nothing, and refuses nothing.
func (k keepPersisted) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	if hash, ok := op.Stats.GetExtension(persistedHash).(string); ok {
		k.queries.keep(ctx, hash, op.RawQuery)
	}
	return nil
}

func coded(code, message string) *gqlerror.Error {
	return &gqlerror.Error{Message: message, Extensions: map[string]any{"code": code}}
}

// hashOf gives the SHA-256 of a text as clients write it.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// isHash tells whether a text can be a SHA-256 as clients write it, so that the store is asked for nothing else.
func isHash(text string) bool {
	return len(text) == hex.EncodedLen(sha256.Size) && strings.Trim(text, "0123456789abcdef") == ""
}
