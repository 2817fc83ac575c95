package auth

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// file is a file in a directory of the test.
func file(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// logged is what was logged.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func logTo(l *logged) *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func open(t testing.TB, content string) (*Tokens, string, *logged) {
	t.Helper()
	path, log := file(t, content), &logged{}
	tokens, err := newTokens(path, logTo(log), time.Millisecond)
	require.NoError(t, err)
	t.Cleanup(tokens.Close)
	return tokens, path, log
}

func TestTokens(t *testing.T) {
	tokens, _, _ := open(t, `# tokens of the house

`+hash("one")+` read,write 2999-01-01T00:00:00Z ann of the hill
	`+strings.ToUpper(hash("two"))+"	admin  never	 \n"+
		hash("three")+" read 2000-01-01T00:00:00+02:00 bob\r\n")
	one, err := tokens.Authenticate(t.Context(), "one")
	require.NoError(t, err)
	assert.Equal(t, "ann of the hill", one.Owner)
	assert.Equal(t, "read,write", one.Scopes.String())
	assert.Equal(t, time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC), one.Expires)
	assert.True(t, one.May(Read|Write))
	assert.False(t, one.May(Admin))
	two, err := tokens.Authenticate(t.Context(), "two")
	require.NoError(t, err)
	assert.Empty(t, two.Owner)
	assert.Equal(t, Admin, two.Scopes)
	assert.True(t, two.Expires.IsZero())
	_, err = tokens.Authenticate(t.Context(), "three")
	require.ErrorIs(t, err, ErrExpired)
	for _, token := range []string{"", "four", hash("one"), "one ", strings.Repeat("x", MaxTokenBytes+1)} {
		_, err := tokens.Authenticate(t.Context(), token)
		require.ErrorIs(t, err, ErrInvalid, token)
	}
}

func TestBadFilesOfTokens(t *testing.T) {
	t.Parallel()
	good := hash("x") + " read never ann\n"
	for content, want := range map[string]string{
		good + "secret read never":                            "line 2: it begins with no SHA-256",
		good[:63] + " read never":                             "line 1: it begins with no SHA-256",
		hash("x") + "0 read never":                            "line 1: it begins with no SHA-256",
		hash("x") + " read":                                   "line 1: give the SHA-256 of the token, its scopes",
		hash("x") + " read,all never":                         `line 1: "all" is no scope`,
		hash("x") + " , never":                                `line 1: "" is no scope`,
		hash("x") + " read 2027-01-31":                        `line 1: "2027-01-31" is no time`,
		hash("x") + " read never " + strings.Repeat("n", 256): "line 1: an owner is 1 to 255 bytes long",
		hash("x") + " read never a\x00b":                      "line 1: an owner is printable UTF-8",
		hash("x") + " read never a\xff":                       "line 1: an owner is printable UTF-8",
		good + "\n" + good:                                    "line 3: the same hash stands further up",
	} {
		_, err := NewTokens(file(t, content), slog.Default())
		require.ErrorContains(t, err, want, content)
		assert.NotContains(t, err.Error(), "secret")
	}
	_, err := NewTokens(filepath.Join(t.TempDir(), "absent"), slog.Default())
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestTokensAreReadAgain(t *testing.T) {
	t.Parallel()
	tokens, path, log := open(t, hash("one")+" read never ann\n"+hash("two")+" read never bob\n")
	one, err := tokens.Authenticate(t.Context(), "one")
	require.NoError(t, err)
	two, err := tokens.Authenticate(t.Context(), "two")
	require.NoError(t, err)
	ended := make(chan string, 2)
	defer one.OnEnd(func(why error) { ended <- "one: " + why.Error() })()
	defer two.OnEnd(func(why error) { ended <- "two: " + why.Error() })()

	require.NoError(t, os.WriteFile(path, []byte("rubbish"), 0o600))
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "cannot be read again") }, patience, time.Millisecond)
	_, err = tokens.Authenticate(t.Context(), "two")
	require.NoError(t, err, "those that were read go on")

	// As Kubernetes does it: another file takes the place of the first.
	exchange := func(content string) {
		fresh := path + ".new"
		require.NoError(t, os.WriteFile(fresh, []byte(content), 0o600))
		require.NoError(t, os.Rename(fresh, path))
	}
	exchange(hash("three") + " write never cat\n" + hash("one") + " read never ann\n")
	require.Eventually(t, func() bool {
		_, err := tokens.Authenticate(t.Context(), "three")
		return err == nil
	}, patience, time.Millisecond)
	_, err = tokens.Authenticate(t.Context(), "two")
	require.ErrorIs(t, err, ErrInvalid)
	again, err := tokens.Authenticate(t.Context(), "one")
	require.NoError(t, err)
	assert.Same(t, one, again)
	assert.Equal(t, "two: the token was revoked", <-ended)
	assert.Empty(t, ended)

	exchange(hash("one") + " read never somebody else\n") // not written in place: twice within two milliseconds it may be seen empty
	assert.Equal(t, "one: the token was revoked", <-ended, "it is another's now")
	require.NoError(t, os.Remove(path))
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "no such file") }, patience, time.Millisecond)
	_, err = tokens.Authenticate(t.Context(), "one")
	require.NoError(t, err)
}

func TestExpiryIsTold(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	c := &Caller{Expires: time.Now().Add(20 * time.Millisecond)}
	defer c.OnEnd(func(why error) { ended <- why })()
	require.ErrorIs(t, <-ended, ErrExpired)
	stop := c.OnEnd(func(error) { ended <- fmt.Errorf("it was stopped") })
	stop()
	Everybody.OnEnd(func(error) { ended <- fmt.Errorf("it never ends") })()
}

func TestBearer(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"Bearer a": "a", "bearer  a.b-c~+/= ": "a.b-c~+/=", "BEARER a": "a",
		"": "", "Bearer": "", "Bearer ": "", "Basic a": "", "a": "", "Bearer a b": "", "Bearer a, Bearer b": "",
	} {
		token, ok := Bearer(header)
		assert.Equal(t, want != "", ok, header)
		if ok {
			assert.Equal(t, want, token, header)
		}
	}
}

func TestNobodyMayDoAnything(t *testing.T) {
	t.Parallel()
	assert.False(t, From(t.Context()).Known())
	for _, scope := range []Scope{Read, Write, Admin} {
		assert.False(t, From(t.Context()).May(scope))
	}
	assert.True(t, From(With(t.Context(), Everybody)).May(All))
	assert.True(t, Everybody.Known())
}

func FuzzTokens(f *testing.F) {
	f.Add(hash("x")+" read,write,admin 2027-01-31T00:00:00Z ann", "Bearer x")
	f.Add("# nothing\n\n", "")
	f.Add(hash("x")+" read never a b  c", "bearer a,b")
	f.Fuzz(func(t *testing.T, content, header string) {
		tokens, err := parseTokens([]byte(content))
		if err == nil {
			for _, e := range tokens {
				require.NotZero(t, e.caller.Scopes)
				if e.caller.Owner != "" {
					require.NoError(t, checkOwner(e.caller.Owner))
				}
			}
		}
		if token, ok := Bearer(header); ok {
			require.NotEmpty(t, token)
			require.NotContains(t, token, " ")
		}
	})
}
