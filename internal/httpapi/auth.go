package httpapi

import (
	"errors"
	"net/http"
	"strings"

	"agentstate/internal/auth"
)

// authenticate lets nobody pass but callers that are known, and puts them into the context of the request. The handshake of a WebSocket
// passes without a token too: browsers cannot send one there, and connection_init brings it.
func authenticate(who auth.Authenticator, doors doors, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if who == nil {
			next.ServeHTTP(w, r.WithContext(auth.With(r.Context(), auth.Everybody)))
			return
		}
		header := r.Header.Get("Authorization")
		if header == "" && isHandshake(r) {
			next.ServeHTTP(w, r)
			return
		}
		caller, refused := callerOf(r, who, doors, header)
		if refused != nil {
			refused.write(w, mediaJSON)
			return
		}
		next.ServeHTTP(w, r.WithContext(auth.With(r.Context(), caller)))
	})
}

// callerOf gives the caller by an Authorization header, or the refusal of one that is not known.
func callerOf(r *http.Request, who auth.Authenticator, doors doors, header string) (*auth.Caller, *refusal) {
	if refused := doors.exhausted(r); refused != nil {
		return nil, refused
	}
	if header == "" {
		return nil, unauthenticated("Send a token, as `Authorization: Bearer …`.", "")
	}
	token, ok := auth.Bearer(header)
	if !ok {
		return nil, unauthenticated("Send the token as `Authorization: Bearer …`.", "invalid_request")
	}
	caller, err := who.Authenticate(r.Context(), token)
	if err != nil {
		doors.failed(r)
		return nil, notKnown(err)
	}
	return caller, nil
}

// notKnown refuses a token for a reason of the package auth.
func notKnown(err error) *refusal {
	switch {
	case errors.Is(err, auth.ErrUnavailable):
		return &refusal{
			status: http.StatusServiceUnavailable, code: codeUnavailable, message: "Try again: tokens cannot be checked at the moment.",
			extensions: map[string]any{"retryAfterSeconds": 1}, header: http.Header{"Retry-After": {"1"}},
		}
	case errors.Is(err, auth.ErrExpired):
		return unauthenticated("Send another token: this one has expired.", "invalid_token")
	case errors.Is(err, auth.ErrRevoked):
		return unauthenticated("Send another token: this one was revoked.", "invalid_token")
	default:
		return unauthenticated("Send a token that is valid here.", "invalid_token")
	}
}

// unauthenticated refuses with the challenge of RFC 6750, section 3, and its word for what is wrong, if there is one.
func unauthenticated(message, wrong string) *refusal {
	challenge := `Bearer realm="agentstate"`
	if wrong != "" {
		challenge += `, error="` + wrong + `"`
	}
	return &refusal{
		status: http.StatusUnauthorized, code: codeUnauthenticated, message: message,
		header: http.Header{"Www-Authenticate": {challenge}},
	}
}

// onlyFor lets callers pass that have a scope. Where there is no authentication that is everybody.
func onlyFor(scope auth.Scope, who auth.Authenticator, doors doors, next http.Handler) http.Handler {
	return authenticate(who, doors, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !auth.From(r.Context()).May(scope) {
			refusal{
				status: http.StatusForbidden, code: codeForbidden,
				message: "Send a token with the scope `" + scope.String() + "`.",
				header:  http.Header{"Www-Authenticate": {`Bearer realm="agentstate", error="insufficient_scope", scope="` + scope.String() + `"`}},
			}.write(w, mediaJSON)
			return
		}
		next.ServeHTTP(w, r)
	}))
}

// identified puts the caller into the context of a request that anybody may send, where it brings a token that is valid.
func identified(who auth.Authenticator, doors doors, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller := auth.Everybody
		if who != nil {
			caller, _ = callerOf(r, who, doors, r.Header.Get("Authorization"))
		}
		if caller != nil {
			r = r.WithContext(auth.With(r.Context(), caller))
		}
		next.ServeHTTP(w, r)
	})
}

// tokenIn gives the token in the payload of a connection_init. Clients have several habits: `Authorization` with the scheme or without,
// `authToken`, or `token`, in any case, at the top or among `headers`. The first of them that is not empty counts.
func tokenIn(payload map[string]any) string {
	found := make(map[string]string)
	for name, value := range payload {
		text, ok := value.(string)
		name = strings.ToLower(name)
		if ok && text != "" && (found[name] == "" || text < found[name]) { // of several ways to write a name always the same
			found[name] = text
		}
	}
	if text := found["authorization"]; text != "" {
		if token, ok := auth.Bearer(text); ok {
			return token
		}
		return text
	}
	for _, name := range []string{"authtoken", "token"} {
		if found[name] != "" {
			return found[name]
		}
	}
	if headers, ok := payload["headers"].(map[string]any); ok {
		return tokenIn(headers)
	}
	return ""
}
