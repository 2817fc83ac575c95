package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/go-chi/cors"
)

// origins says whose pages may send requests. Browsers send them from any page to any server, and only keep the answer from the page.
type origins struct {
	allowed    []string // "https://app.example", or "*" for all
	protection *http.CrossOriginProtection
	// local says that the pages of this server are at the names of this host alone: see rebound.
	local bool
}

// newOrigins takes origins as browsers write them, of which the configuration has made sure.
func newOrigins(allowed []string, local bool) origins {
	o := origins{allowed: allowed, protection: http.NewCrossOriginProtection(), local: local}
	for _, origin := range allowed {
		if origin == "*" {
			continue
		}
		if err := o.protection.AddTrustedOrigin(origin); err != nil {
			panic("httpapi: AllowedOrigins: " + err.Error())
		}
	}
	return o
}

// all says whether pages of any origin are welcome.
func (o origins) all() bool { return slices.Contains(o.allowed, "*") }

// welcome tells whether a request comes from a page of this server's own origin or an allowed one, or from outside a browser, which
// says nothing of either.
func (o origins) welcome(r *http.Request) bool {
	if o.all() {
		return true
	}
	// As a POST: for CrossOriginProtection a GET is harmless.
	return o.protection.Check(&http.Request{Method: http.MethodPost, URL: r.URL, Host: r.Host, Header: r.Header}) == nil
}

// ownName refuses requests by a name that is none of this host's, nor of an allowed origin, where the pages of this server are
// local. A page can let its own name point to 127.0.0.1 (DNS rebinding), and is of the same origin then as what listens there: nothing
// else in a request tells it, since a browser sends neither Origin nor Sec-Fetch-Site with a GET over plain HTTP to such a name.
func (o origins) ownName(next http.Handler) http.Handler {
	if !o.local || o.all() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rebound(r.Host) && !slices.Contains(o.allowed, "http://"+r.Host) {
			foreignName.write(w, mediaJSON)
			return
		}
		next.ServeHTTP(w, r)
	})
}

var foreignName = refusal{
	status: http.StatusForbidden, code: codeForbidden,
	message: "Use localhost or 127.0.0.1, put the origin of this name into CORS_ALLOWED_ORIGINS, or set AUTH_MODE.",
}

// rebound tells whether the Host of a request is none of this host's names.
func rebound(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") { // RFC 6761, section 6.3
		return false
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err != nil || !ip.Unmap().IsLoopback()
}

var foreignOrigin = refusal{
	status: http.StatusForbidden, code: codeForbidden,
	message: "Send requests from a page of this server's own origin or one in CORS_ALLOWED_ORIGINS, or from outside a browser.",
}

// guard refuses what a browser sends from a page of a foreign origin, so that no such page can do anything in its visitor's name, be
// it only to make the server work or to measure how long it does. That is what Apollo Server's CSRF prevention is for, which
// refuses what a browser sends without asking first. Here:
//
//   - A POST must be application/json, so that a browser asks first (a preflight, which cors answers).
//   - A GET is told by Sec-Fetch-Site and Origin. So curl, links that a person opens and the EventSource of the server's own page need
//     no header for it. One without either comes from outside a browser, or from one of before 2023, or over plain HTTP from another
//     machine; there it can only ask, for what its page does not get, and carries no token, since no browser adds one by itself.
//   - The headers by which clients pass Apollo's check pass a GET here too: a page can add them only where a preflight allowed that.
func (o origins) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The transport of a handshake looks itself.
		excepted := r.Method == http.MethodGet && (isHandshake(r) || preflighted(r))
		if !excepted && !o.welcome(r) {
			foreignOrigin.write(w, mediaJSON)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// preflighted tells whether a request has a header that a browser adds for a page of another origin only when the server has agreed.
func preflighted(r *http.Request) bool {
	return r.Header.Get("Apollo-Require-Preflight") != "" || r.Header.Get("X-Apollo-Operation-Name") != ""
}

// share lets the pages of the allowed origins read the answers (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol). Without
// one it does nothing. Credentials that a browser keeps, such as cookies, are none of this server's. What there is beside the methods
// and headers of GraphQL the argument says.
func (o origins) share(what shared) func(http.Handler) http.Handler {
	if len(o.allowed) == 0 { // cors would allow all
		return func(next http.Handler) http.Handler { return next }
	}
	const maxAge = 2 * 60 * 60 // seconds; Chrome keeps a preflight no longer
	return cors.Handler(cors.Options{
		AllowedOrigins: o.allowed,
		AllowedMethods: append([]string{http.MethodGet, http.MethodHead, http.MethodPost}, what.methods...),
		AllowedHeaders: append([]string{
			"Accept", "Authorization", "Content-Encoding", "Content-Type", "Last-Event-ID",
			"Apollo-Require-Preflight", "X-Apollo-Operation-Name", "Apollographql-Client-Name", "Apollographql-Client-Version",
		}, what.sent...),
		ExposedHeaders: append([]string{"Retry-After"}, what.answered...),
		MaxAge:         maxAge,
	})
}
