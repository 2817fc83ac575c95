package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const secret = "a secret of more than thirty-two bytes"

// signer signs tokens by one of the algorithms.
type signer struct {
	method jwt.SigningMethod
	key    any
	id     string
}

func newSigners(t testing.TB) map[string]signer {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return map[string]signer{
		"RS256": {jwt.SigningMethodRS256, rsaKey, "rsa"}, "ES256": {jwt.SigningMethodES256, ecKey, "ec"}, "EdDSA": {jwt.SigningMethodEdDSA, edKey, "ed"},
	}
}

func (s signer) public() any { return s.key.(interface{ Public() crypto.PublicKey }).Public() }

func (s signer) pem(t testing.TB) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(s.public())
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func (s signer) sign(t testing.TB, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(s.method, claims)
	if s.id != "" {
		token.Header["kid"] = s.id
	}
	text, err := token.SignedString(s.key)
	require.NoError(t, err)
	return text
}

// set gives a JSON Web Key Set.
func set(t testing.TB, signers ...signer) string {
	t.Helper()
	keys := jwkset.NewMemoryStorage()
	for _, s := range signers {
		jwk, err := jwkset.NewJWKFromKey(s.public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: s.id}})
		require.NoError(t, err)
		require.NoError(t, keys.KeyWrite(t.Context(), jwk))
	}
	raw, err := keys.JSONPublic(t.Context())
	require.NoError(t, err)
	return string(raw)
}

func claims(changes ...any) jwt.MapClaims {
	c := jwt.MapClaims{"sub": "ann", "scope": "read write openid", "exp": time.Now().Add(time.Hour).Unix(), "iss": "house", "aud": []string{"us", "others"}}
	for i := 0; i < len(changes); i += 2 {
		if c[changes[i].(string)] = changes[i+1]; changes[i+1] == nil {
			delete(c, changes[i].(string))
		}
	}
	return c
}

func newJWT(t testing.TB, o JWTOptions) *JWT {
	t.Helper()
	o.OwnerClaim, o.ScopesClaim, o.Log = "sub", "scope", logTo(&logged{})
	j, err := NewJWT(o)
	require.NoError(t, err)
	t.Cleanup(j.Close)
	return j
}

func TestSignedTokens(t *testing.T) {
	t.Parallel()
	signers := newSigners(t)
	for name, s := range signers {
		for kind, o := range map[string]JWTOptions{
			"PEM": {KeyFile: file(t, s.pem(t))}, "set": {JWKS: file(t, set(t, signers["RS256"], signers["ES256"], signers["EdDSA"]))},
		} {
			j := newJWT(t, o)
			c, err := j.Authenticate(t.Context(), s.sign(t, claims()))
			require.NoError(t, err, name, kind)
			assert.Equal(t, "ann", c.Owner)
			assert.Equal(t, Read|Write, c.Scopes)
			assert.WithinDuration(t, time.Now().Add(time.Hour), c.Expires, time.Minute)
			unnamed := s
			unnamed.id = ""
			_, err = j.Authenticate(t.Context(), unnamed.sign(t, claims()))
			require.NoError(t, err, "a token that names no key, by", name, kind)
			other := newSigners(t)[name]
			_, err = j.Authenticate(t.Context(), other.sign(t, claims()))
			require.ErrorIs(t, err, ErrInvalid, "signed by somebody else", name, kind)
		}
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	s := signer{method: jwt.SigningMethodHS256, key: []byte(secret)}
	j := newJWT(t, JWTOptions{Secret: secret, Issuer: "house", Audience: "us", Leeway: time.Minute})
	now := time.Now()
	for _, c := range []struct {
		name   string
		claims jwt.MapClaims
		err    error
	}{
		{"as it should be", claims(), nil},
		{"a list of scopes", claims("scope", []string{"read", "write", "x"}), nil},
		{"within the leeway", claims("exp", now.Add(-30*time.Second).Unix(), "nbf", now.Add(30*time.Second).Unix()), nil},
		{"expired", claims("exp", now.Add(-2*time.Minute).Unix()), ErrExpired},
		{"no expiry", claims("exp", nil), ErrInvalid},
		{"an expiry that is no number", claims("exp", "tomorrow"), ErrInvalid},
		{"not yet", claims("nbf", now.Add(2*time.Minute).Unix()), ErrInvalid},
		{"another issuer", claims("iss", "hut"), ErrInvalid},
		{"no issuer", claims("iss", nil), ErrInvalid},
		{"another audience", claims("aud", "others"), ErrInvalid},
		{"no audience", claims("aud", nil), ErrInvalid},
		{"no owner", claims("sub", nil), ErrInvalid},
		{"an empty owner", claims("sub", ""), ErrInvalid},
		{"an owner that is no text", claims("sub", 7), ErrInvalid},
		{"an owner with a line break", claims("sub", "a\nb"), ErrInvalid},
		{"a long owner", claims("sub", strings.Repeat("o", 256)), ErrInvalid},
	} {
		caller, err := j.Authenticate(t.Context(), s.sign(t, c.claims))
		require.ErrorIs(t, err, c.err, c.name)
		if err == nil {
			assert.Equal(t, Read|Write, caller.Scopes, c.name)
		}
	}
	caller, err := j.Authenticate(t.Context(), s.sign(t, claims("scope", nil)))
	require.NoError(t, err)
	assert.Zero(t, caller.Scopes, "who has no scope may do nothing")
	assert.True(t, caller.Known())
}

// Whatever a token says of its algorithm, that of the key counts.
func TestAlgorithmsAreNotConfused(t *testing.T) {
	t.Parallel()
	signers := newSigners(t)
	public := signers["RS256"].pem(t)
	none := jwt.NewWithClaims(jwt.SigningMethodNone, claims())
	unsigned, err := none.SignedString(jwt.UnsafeAllowNoneSignatureType)
	require.NoError(t, err)
	forged := map[string]string{
		"none":                        unsigned,
		"HS256 with the public key":   signer{jwt.SigningMethodHS256, []byte(public), "rsa"}.sign(t, claims()),
		"RS384 with the right key":    signer{jwt.SigningMethodRS384, signers["RS256"].key, "rsa"}.sign(t, claims()),
		"PS256 with the right key":    signer{jwt.SigningMethodPS256, signers["RS256"].key, "rsa"}.sign(t, claims()),
		"ES256 under the name of RSA": signer{jwt.SigningMethodES256, signers["ES256"].key, "rsa"}.sign(t, claims()),
		"no signature":                strings.Join(strings.Split(signers["RS256"].sign(t, claims()), ".")[:2], ".") + ".",
		"a signature too many":        signers["RS256"].sign(t, claims()) + ".x",
		"HS256 with an empty secret":  signer{jwt.SigningMethodHS256, []byte(""), ""}.sign(t, claims()),
		"a token of something else":   "x",
		"nothing":                     "",
		"a long one":                  strings.Repeat("x", MaxTokenBytes+1),
		"another payload":             tampered(signers["RS256"].sign(t, claims())),
	}
	for kind, o := range map[string]JWTOptions{"PEM": {KeyFile: file(t, public)}, "set": {JWKS: file(t, set(t, signers["RS256"], signers["EdDSA"]))}} {
		j := newJWT(t, o)
		for name, token := range forged {
			_, err := j.Authenticate(t.Context(), token)
			require.ErrorIs(t, err, ErrInvalid, kind+": "+name)
		}
		_, err := j.Authenticate(t.Context(), tampered(signers["RS256"].sign(t, claims("exp", 1))))
		require.ErrorIs(t, err, ErrInvalid, "nothing is told of a token that is forged")
	}
}

// tampered puts another owner into a token.
func tampered(token string) string {
	parts := strings.Split(token, ".")
	raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(raw), "ann", "eve", 1)))
	return strings.Join(parts, ".")
}

func TestBadKeys(t *testing.T) {
	t.Parallel()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	wide, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	private := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}))
	for _, c := range []struct {
		options JWTOptions
		want    string
	}{
		{JWTOptions{KeyFile: file(t, "nothing")}, "there is no PEM block in it"},
		{JWTOptions{KeyFile: file(t, private)}, "it holds a PRIVATE KEY: give the public key"},
		{JWTOptions{KeyFile: file(t, signer{key: small}.pem(t))}, "RS256 needs 2048"},
		{JWTOptions{KeyFile: file(t, signer{key: wide}.pem(t))}, "ES256 is for P-256"},
		{JWTOptions{KeyFile: "absent"}, "no such file"},
		{JWTOptions{JWKS: "absent"}, "no such file"},
		{JWTOptions{JWKS: file(t, "{}")}, "there is no key"},
		{JWTOptions{JWKS: file(t, `{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"a"}]}`)}, "there is no key of RS256, ES256 or EdDSA in it"},
		{JWTOptions{JWKS: file(t, "rubbish")}, "invalid"},
	} {
		_, err := NewJWT(c.options)
		require.ErrorContains(t, err, c.want)
	}
}

func TestKeysInAFileAreReadAgain(t *testing.T) {
	t.Parallel()
	before, after := newSigners(t)["EdDSA"], newSigners(t)["EdDSA"]
	after.id = "next"
	path := file(t, set(t, before))
	j := newJWT(t, JWTOptions{JWKS: path})
	_, err := j.Authenticate(t.Context(), after.sign(t, claims()))
	require.ErrorIs(t, err, ErrInvalid)
	require.NoError(t, os.WriteFile(path, []byte(set(t, after)), 0o600))
	require.Eventually(t, func() bool {
		_, err := j.Authenticate(t.Context(), after.sign(t, claims()))
		return err == nil
	}, patience, 10*time.Millisecond)
	_, err = j.Authenticate(t.Context(), before.sign(t, claims()))
	require.ErrorIs(t, err, ErrInvalid)
}

// keysServer serves key sets, slowly.
type keysServer struct {
	*httptest.Server
	content atomic.Pointer[string] // nil fails
	asked   atomic.Int64
}

func newKeysServer(t *testing.T) *keysServer {
	t.Helper()
	s := &keysServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		select { // no network is faster
		case <-time.After(30 * time.Millisecond):
		case <-r.Context().Done():
		}
		content := s.content.Load()
		if content == nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, *content)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *keysServer) serve(content string) { s.content.Store(&content) }

// accepts makes a JWT of which unknown keys may make it read them again so often.
func (s *keysServer) accepts(t *testing.T, pause time.Duration) *JWT {
	t.Helper()
	j := newJWT(t, JWTOptions{Secret: secret}) // for its parser
	keys := newRemoteKeys(s.URL, pause, logTo(&logged{}))
	t.Cleanup(keys.close)
	j.parser = jwt.NewParser(jwt.WithValidMethods([]string{algRSA, algECDSA, algEdDSA}), jwt.WithExpirationRequired())
	j.keys = checked(keys.key)
	return j
}

// The keys rotate at their URL: a token that names a new one makes them be read again.
func TestKeysAtAURLRotate(t *testing.T) {
	t.Parallel()
	signers, server := newSigners(t), newKeysServer(t)
	server.serve(set(t, signers["RS256"]))
	j := server.accepts(t, 0)
	_, err := j.Authenticate(t.Context(), signers["RS256"].sign(t, claims()))
	require.NoError(t, err)
	assert.EqualValues(t, 1, server.asked.Load())
	server.serve(set(t, signers["EdDSA"]))
	_, err = j.Authenticate(t.Context(), signers["EdDSA"].sign(t, claims()))
	require.NoError(t, err, "a key that is new")
	_, err = j.Authenticate(t.Context(), signers["RS256"].sign(t, claims()))
	require.ErrorIs(t, err, ErrInvalid, "one that is gone")
	server.content.Store(nil)
	_, err = j.Authenticate(t.Context(), signers["EdDSA"].sign(t, claims()))
	require.NoError(t, err, "what is known stays good")
	_, err = j.Authenticate(t.Context(), signers["ES256"].sign(t, claims()))
	require.ErrorIs(t, err, ErrUnavailable, "its key may be in what cannot be read")
}

// Anybody can make tokens that name unknown keys.
func TestUnknownKeysDoNotMakeThemBeReadEachTime(t *testing.T) {
	t.Parallel()
	s, server := newSigners(t)["ES256"], newKeysServer(t)
	server.serve(set(t, s))
	j := server.accepts(t, time.Hour)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			_, err := j.Authenticate(t.Context(), signer{s.method, s.key, "unknown"}.sign(t, claims()))
			assert.ErrorIs(t, err, ErrInvalid)
		})
	}
	all.Wait()
	assert.EqualValues(t, 1, server.asked.Load())
}

func TestKeysThatComeLater(t *testing.T) {
	t.Parallel()
	s, server := newSigners(t)["ES256"], newKeysServer(t)
	server.serve(strings.Repeat(" ", keysBytes) + set(t, s)) // more than is read
	j := server.accepts(t, 10*time.Millisecond)
	_, err := j.Authenticate(t.Context(), s.sign(t, claims()))
	require.ErrorIs(t, err, ErrUnavailable)
	server.serve(set(t, s))
	require.Eventually(t, func() bool {
		_, err := j.Authenticate(t.Context(), s.sign(t, claims()))
		return err == nil
	}, patience, time.Millisecond)
}

func FuzzSignedTokens(f *testing.F) {
	s := signer{method: jwt.SigningMethodHS256, key: []byte(secret)}
	f.Add(s.sign(f, claims()))
	f.Add("a.b.c")
	raw, _ := json.Marshal(claims())
	f.Add("e30." + base64.RawURLEncoding.EncodeToString(raw) + ".")
	j := newJWT(f, JWTOptions{Secret: secret})
	f.Fuzz(func(t *testing.T, token string) {
		c, err := j.Authenticate(t.Context(), token)
		if err != nil {
			require.Nil(t, c)
			return
		}
		require.Equal(t, "ann", c.Owner)
	})
}
