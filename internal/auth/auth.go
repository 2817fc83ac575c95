// Package auth tells who calls, by a token: from a file of hashes (tokens.go), or signed by somebody who is trusted (jwt.go). It knows no
// HTTP routes and no GraphQL; what a caller may do is for others to decide by his scopes.
package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Scope is what a caller may do, a set of bits.
type Scope uint8

// The scopes. None of them contains another: a token lists all that it is for.
const (
	// Read allows queries and subscriptions.
	Read Scope = 1 << iota
	// Write allows mutations, and to see what they have written.
	Write
	// Admin allows cleanup, the details of health, and metrics.
	Admin
	// All are all of them.
	All = Read | Write | Admin
)

var scopeNames = []struct {
	scope Scope
	name  string
}{{Read, "read"}, {Write, "write"}, {Admin, "admin"}}

// String names the scopes, with commas between them.
func (s Scope) String() string {
	var names []string
	for _, n := range scopeNames {
		if s&n.scope != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, ",")
}

// parseScope gives the scope of a name; false where it is none.
func parseScope(name string) (Scope, bool) {
	for _, n := range scopeNames {
		if n.name == name {
			return n.scope, true
		}
	}
	return 0, false
}

// Caller is who has sent a request.
type Caller struct {
	// Owner is whose threads he sees and writes; the empty one is everybody, where there is no authentication.
	Owner  string
	Scopes Scope
	// Expires is when he must show himself anew; the zero time is never.
	Expires time.Time
	// revoked ends with ErrRevoked when his token is no longer accepted; nil where nobody would know.
	revoked context.Context //nolint:containedctx // the life of the token, not that of a call
}

// Everybody is the caller where there is no authentication.
var Everybody = &Caller{Scopes: All}

// May tells whether the caller has all of the scopes.
func (c *Caller) May(s Scope) bool { return c.Scopes&s == s }

// OnEnd calls f once in a goroutine of its own when the caller's token has expired (ErrExpired) or was revoked (ErrRevoked), until stop
// is called.
func (c *Caller) OnEnd(f func(why error)) (stop func()) {
	if c.Expires.IsZero() && c.revoked == nil {
		return func() {}
	}
	var timer *time.Timer
	if !c.Expires.IsZero() {
		timer = time.AfterFunc(time.Until(c.Expires), func() { f(ErrExpired) })
	}
	forget := func() bool { return true }
	if c.revoked != nil {
		forget = context.AfterFunc(c.revoked, func() { f(ErrRevoked) })
	}
	return func() {
		forget()
		if timer != nil {
			timer.Stop()
		}
	}
}

// Why a token is not accepted. None of them tells what was wrong with a signature.
var (
	ErrInvalid = errors.New("the token is not valid")
	ErrExpired = errors.New("the token has expired")
	ErrRevoked = errors.New("the token was revoked")
	// ErrUnavailable says that the token may be valid, and the keys to tell could not be had.
	ErrUnavailable = errors.New("the keys that tokens are signed with cannot be read")
)

// Authenticator tells who has a token. It is safe for concurrent use.
type Authenticator interface {
	// Authenticate gives the caller. Errors: ErrInvalid, ErrExpired, ErrUnavailable.
	Authenticate(ctx context.Context, token string) (*Caller, error)
	// Close ends what the authenticator does in the background.
	Close()
}

// MaxTokenBytes bounds a token.
const MaxTokenBytes = 8 << 10

type callerKey struct{}

// With gives a context that carries the caller.
func With(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// From gives the caller that a context carries; nobody, who may do nothing, where it carries none.
func From(ctx context.Context) *Caller {
	if c, ok := ctx.Value(callerKey{}).(*Caller); ok {
		return c
	}
	return nobody
}

var nobody = &Caller{}

// Known tells whether it is known who he is, whatever he may do.
func (c *Caller) Known() bool { return c != nobody }

// checkOwner tells what is wrong with the name of an owner.
func checkOwner(name string) error {
	const most = 255
	switch {
	case name == "" || len(name) > most:
		return fmt.Errorf("an owner is 1 to %d bytes long", most)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return errors.New("an owner is printable UTF-8 without control characters")
	}
	return nil
}

// Bearer gives the token of an Authorization header (RFC 6750, section 2.1); false where it is of another form.
func Bearer(header string) (token string, ok bool) {
	scheme, token, ok := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	return token, ok && strings.EqualFold(scheme, "bearer") && token != "" && !strings.ContainsAny(token, " \t,")
}
