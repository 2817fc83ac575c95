package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

// JWTOptions say whose tokens are accepted. One of Secret, KeyFile and JWKS must be given.
type JWTOptions struct {
	// Secret is that of HS256; KeyFile a PEM file with a public key (or a certificate) of RS256, ES256 or EdDSA; JWKS the path or the URL of a set of
	// keys for these three.
	Secret, KeyFile, JWKS string
	// Issuer and Audience are what a token must be from and for; empty is any.
	Issuer, Audience string
	// Leeway is by how much clocks may differ.
	Leeway time.Duration
	// OwnerClaim and ScopesClaim name the claims; the scopes are a list, or a text with blanks between them (RFC 8693, section 4.2).
	OwnerClaim, ScopesClaim string
	Log                     *slog.Logger
}

// JWT accepts signed tokens (RFC 7519).
type JWT struct {
	options JWTOptions
	parser  *jwt.Parser
	keys    jwt.Keyfunc
	close   func()
}

// The algorithms. Which of them is accepted follows from the key alone, never from the token.
const (
	algHMAC  = "HS256"
	algRSA   = "RS256"
	algECDSA = "ES256"
	algEdDSA = "EdDSA"
)

// NewJWT reads the keys; those at a URL need not be there yet.
func NewJWT(o JWTOptions) (*JWT, error) {
	j := &JWT{options: o, close: func() {}}
	algorithms, err := j.readKeys()
	if err != nil {
		return nil, err
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(algorithms), jwt.WithExpirationRequired(), jwt.WithLeeway(o.Leeway), jwt.WithStrictDecoding(),
	}
	if o.Issuer != "" {
		options = append(options, jwt.WithIssuer(o.Issuer))
	}
	if o.Audience != "" {
		options = append(options, jwt.WithAudience(o.Audience))
	}
	j.parser = jwt.NewParser(options...)
	return j, nil
}

func (j *JWT) readKeys() (algorithms []string, err error) {
	o := j.options
	switch {
	case o.Secret != "":
		j.useKey([]byte(o.Secret))
		return []string{algHMAC}, nil
	case o.KeyFile != "":
		key, algorithm, err := readPEM(o.KeyFile)
		j.useKey(key)
		return []string{algorithm}, err
	case strings.Contains(o.JWKS, "://"):
		err = j.useURL()
	default:
		err = j.useFile()
	}
	return []string{algRSA, algECDSA, algEdDSA}, err
}

func (j *JWT) useKey(key any) {
	j.keys = func(*jwt.Token) (any, error) { return key, nil }
}

// readPEM gives a public key, and the algorithm that it is for.
func readPEM(path string) (key any, algorithm string, err error) {
	content, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		return nil, "", err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, "", errors.New("there is no PEM block in it")
	}
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			key = certificate.PublicKey
		}
	default:
		err = fmt.Errorf("it holds a %s: give the public key", block.Type)
	}
	if err != nil {
		return nil, "", err
	}
	algorithm, err = algorithmOf(key)
	return key, algorithm, err
}

func algorithmOf(key any) (string, error) {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < 2048 { // RFC 7518, section 3.3
			return "", fmt.Errorf("the RSA key has %d bits: RS256 needs 2048", key.N.BitLen())
		}
		return algRSA, nil
	case *ecdsa.PublicKey:
		if key.Curve.Params().BitSize != 256 {
			return "", fmt.Errorf("the curve is %s: ES256 is for P-256", key.Curve.Params().Name)
		}
		return algECDSA, nil
	case ed25519.PublicKey:
		return algEdDSA, nil
	}
	return "", fmt.Errorf("a key of the type %T is for none of RS256, ES256 and EdDSA", key)
}

// useFile takes the keys from a file, and again when it changes.
func (j *JWT) useFile() error {
	var current atomic.Pointer[keyfunc.Keyfunc]
	watching, err := keepLoaded(j.options.JWKS, "keys", fileInterval, j.options.Log, func(content []byte) error {
		keys, err := parseKeys(content)
		if err == nil {
			current.Store(&keys)
		}
		return err
	})
	if err != nil {
		return err
	}
	j.close = watching.stop
	j.keys = checked(func(t *jwt.Token) (any, error) { return (*current.Load()).Keyfunc(t) })
	return nil
}

// checkSet wants a key that is of use.
func checkSet(set jwkset.Storage) error {
	all, err := set.KeyReadAll(context.Background())
	if err != nil {
		return err
	}
	for _, one := range all {
		key := one.Key()
		if private, ok := key.(interface{ Public() crypto.PublicKey }); ok {
			key = private.Public()
		}
		if _, err := algorithmOf(key); err == nil {
			return nil
		}
	}
	return errors.New("there is no key of RS256, ES256 or EdDSA in it")
}

// useURL takes the keys from a URL, which need not answer yet.
func (j *JWT) useURL() error {
	if _, err := http.NewRequest(http.MethodGet, j.options.JWKS, http.NoBody); err != nil { //nolint:noctx,nolintlint // it is not sent
		return errors.New("it is no URL")
	}
	keys := newRemoteKeys(j.options.JWKS, unknownKeyInterval, j.options.Log)
	j.close = keys.close
	j.keys = checked(keys.key)
	return nil
}

// checked gives a key only for the algorithm that it is for: a token may not choose. To a token that names no key it gives all of those.
func checked(keys jwt.Keyfunc) jwt.Keyfunc {
	return func(t *jwt.Token) (any, error) {
		key, err := keys(t)
		if err != nil {
			return nil, err
		}
		found := []jwt.VerificationKey{key}
		if set, ok := key.(jwt.VerificationKeySet); ok {
			found = set.Keys
		}
		found = slices.DeleteFunc(found, func(k jwt.VerificationKey) bool {
			algorithm, err := algorithmOf(k)
			return err != nil || algorithm != t.Method.Alg()
		})
		if len(found) == 0 {
			return nil, jwt.ErrTokenUnverifiable
		}
		return jwt.VerificationKeySet{Keys: found}, nil
	}
}

// Authenticate gives the caller of a token.
func (j *JWT) Authenticate(_ context.Context, token string) (*Caller, error) {
	if len(token) > MaxTokenBytes {
		return nil, ErrInvalid
	}
	claims := jwt.MapClaims{}
	_, err := j.parser.ParseWithClaims(token, claims, j.keys)
	switch {
	case errors.Is(err, ErrUnavailable):
		return nil, ErrUnavailable
	case errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return nil, ErrExpired
	case err != nil:
		return nil, ErrInvalid
	}
	return j.callerOf(claims)
}

// callerOf reads the claims. Scopes of others' services are left out; without any of ours there is nothing that the caller may do.
func (j *JWT) callerOf(claims jwt.MapClaims) (*Caller, error) {
	c := &Caller{}
	var ok bool
	if c.Owner, ok = claims[j.options.OwnerClaim].(string); !ok || checkOwner(c.Owner) != nil {
		return nil, ErrInvalid
	}
	expires, err := claims.GetExpirationTime()
	if err != nil || expires == nil {
		return nil, ErrInvalid
	}
	c.Expires = expires.Add(j.options.Leeway)
	for _, name := range namesIn(claims[j.options.ScopesClaim]) {
		scope, _ := parseScope(name)
		c.Scopes |= scope
	}
	return c, nil
}

// namesIn gives the names of a claim: a list, or a text with blanks between them.
func namesIn(claim any) (names []string) {
	switch claim := claim.(type) {
	case string:
		return strings.Fields(claim)
	case []any:
		for _, one := range claim {
			if name, ok := one.(string); ok {
				names = append(names, name)
			}
		}
	}
	return names
}

// Close ends the reading of keys.
func (j *JWT) Close() { j.close() }
