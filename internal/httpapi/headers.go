package httpapi

import (
	"net/http"
	"strings"
)

// isHandshake tells whether r is the opening handshake of a WebSocket (RFC 6455, section 4.1), and only that: any request may carry
// another Upgrade.
func isHandshake(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// hardened puts on every answer what browsers shall make of it: take it for what it says it is, show it in no frame, run nothing of it,
// and give it to no page of another origin that has not asked by CORS. A page has its own policy in place of this. There
// is no Strict-Transport-Security: TLS, and with it that promise, is the business of the proxy in front.
func hardened(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}
