package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// Auth says how callers show who they are.
type Auth struct {
	Mode       string `env:"AUTH_MODE" help:"none, tokens or jwt; left out it is none, and only an address of this host is served (127.0.0.1)" group:"Authentication"`
	TokensFile string `env:"AUTH_TOKENS_FILE" help:"for tokens: file of their SHA-256 hashes with scopes, expiry and owner"`

	JWTSecret      Secret   `env:"AUTH_JWT_SECRET" help:"for jwt: secret of HS256, 32 bytes or more"`
	JWTKeyFile     string   `env:"AUTH_JWT_KEY_FILE" help:"for jwt: PEM file of the public key of RS256, ES256 or EdDSA"`
	JWTKeys        string   `env:"AUTH_JWT_JWKS" help:"for jwt: file or URL (https://) of a JSON Web Key Set for RS256, ES256 and EdDSA"`
	JWTIssuer      string   `env:"AUTH_JWT_ISSUER" help:"iss that a token must have; any without it"`
	JWTAudience    string   `env:"AUTH_JWT_AUDIENCE" help:"aud that a token must have; any without it"`
	JWTLeeway      Duration `env:"AUTH_JWT_LEEWAY" envDefault:"30s" help:"by how much clocks may differ; 0 to 10m"`
	JWTOwnerClaim  string   `env:"AUTH_JWT_OWNER_CLAIM" envDefault:"sub" help:"claim that names the owner"`
	JWTScopesClaim string   `env:"AUTH_JWT_SCOPES_CLAIM" envDefault:"scope" help:"claim with the scopes read, write, admin: a list, or a text with blanks between them"`
}

func (a Auth) rules() []rule {
	const leastSecret = 32 // RFC 7518, section 3.2
	return []rule{
		oneOf("AUTH_MODE", cmp.Or(a.Mode, "none"), "none", "tokens", "jwt"),
		{"AUTH_JWT_SECRET", fmt.Sprintf("a secret of at least %d bytes", leastSecret), a.JWTSecret == "" || len(a.JWTSecret.Reveal()) >= leastSecret},
		{"AUTH_JWT_JWKS", "a path, or a URL that begins with https:// or http://", isFileOrHTTP(a.JWTKeys)},
		between("AUTH_JWT_LEEWAY", a.JWTLeeway, 0, Duration(10*time.Minute)),
	}
}

func isFileOrHTTP(text string) bool {
	scheme, _, isURL := strings.Cut(text, "://")
	return !isURL || scheme == "https" || scheme == "http"
}

// conflicts tells what does not go together: a mode and its means, and nobody being asked who he is where anybody can come.
func (a Auth) conflicts(listenAddr string) []error {
	var wrong []error
	given := 0
	for _, means := range []string{a.JWTSecret.Reveal(), a.JWTKeyFile, a.JWTKeys} {
		if means != "" {
			given++
		}
	}
	switch {
	case a.Mode == "" && (a.TokensFile != "" || given > 0):
		wrong = append(wrong, errors.New("AUTH_MODE: set it to tokens or jwt, since something about them is set"))
	case a.Mode == "" && !isLoopback(listenAddr):
		wrong = append(wrong, errors.New("AUTH_MODE: set it to tokens or jwt, or to none if everybody who reaches "+
			"LISTEN_ADDR may read and write everything; without it only an address of this host is served, as 127.0.0.1:8080"))
	case a.Mode == "tokens" && a.TokensFile == "":
		wrong = append(wrong, errors.New("AUTH_TOKENS_FILE: name the file of the tokens"))
	case a.Mode == "jwt" && given != 1:
		wrong = append(wrong, errors.New("AUTH_JWT_SECRET, AUTH_JWT_KEY_FILE, AUTH_JWT_JWKS: set one of them"))
	}
	return wrong
}

// LocalPages tells whether only programs of this host can come, and are not asked who they are.
func (c Config) LocalPages() bool { return !c.Auth.asks() && isLoopback(c.ListenAddr) }

// asks tells whether callers are asked who they are.
func (a Auth) asks() bool { return a.Mode == "tokens" || a.Mode == "jwt" }

// isLoopback tells whether only programs of this host reach an address.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return true // which is told elsewhere
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
