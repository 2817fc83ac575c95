package config

import (
	"net/netip"
	"net/url"
	"strings"
)

// warnings tell what is accepted of the authentication and weaker than it looks. It is no error: in a network of one's own, or behind
// something that encrypts for all, both may be meant.
func (a Auth) warnings() []string {
	if a.Mode != "jwt" {
		return nil
	}
	var warnings []string
	if isFarHTTP(a.JWTKeys) {
		warnings = append(warnings, "AUTH_JWT_JWKS is read without TLS: whoever can answer in place of that host can sign tokens for everybody; give it https://")
	}
	if a.JWTAudience == "" {
		warnings = append(warnings, "AUTH_JWT_AUDIENCE is not set: tokens that were signed for any other service by the same key are accepted here; set it to the aud of this server's tokens")
	}
	return warnings
}

// isFarHTTP tells whether a URL is fetched over a network without TLS.
func isFarHTTP(text string) bool {
	if !strings.HasPrefix(text, "http://") {
		return false // a file, or https
	}
	u, err := url.Parse(text)
	if err != nil {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() != "localhost" && (err != nil || !ip.Unmap().IsLoopback())
}
