package auth

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"
)

// digest is the SHA-256 of a token. A token is looked up by it, and not compared: how long that takes tells about the digest of what was
// sent alone, from which nobody gets nearer to a token. So it is as good as a comparison in constant time, for any number of tokens.
type digest [sha256.Size]byte

// entry is a line of the file.
type entry struct {
	caller Caller
	revoke context.CancelCauseFunc
}

// Tokens knows tokens by a file of their hashes, which is read again when it changes.
type Tokens struct {
	known atomic.Pointer[map[digest]*entry]
	watch watch
}

// NewTokens reads the file. Each line that is not empty and does not begin with # is: the SHA-256 of a token in hexadecimal, its scopes with
// commas between them, when it expires (RFC 3339, or never), and its owner, which may hold blanks; without one it is the owner that everybody
// is where there is no authentication. The error names the line that is wrong.
func NewTokens(path string, log *slog.Logger) (*Tokens, error) {
	return newTokens(path, log, fileInterval)
}

func newTokens(path string, log *slog.Logger, interval time.Duration) (*Tokens, error) {
	t := &Tokens{}
	t.known.Store(&map[digest]*entry{})
	var err error
	if t.watch, err = keepLoaded(path, "tokens", interval, log, t.load); err != nil {
		return nil, err
	}
	return t, nil
}

// load takes in the file. Tokens that are not in it any more, or are another's now, are revoked.
func (t *Tokens) load(content []byte) error {
	fresh, err := parseTokens(content)
	if err != nil {
		return err
	}
	before := *t.known.Load()
	for sum, old := range before {
		if e := fresh[sum]; e != nil && e.caller.Owner == old.caller.Owner && e.caller.Scopes == old.caller.Scopes &&
			e.caller.Expires.Equal(old.caller.Expires) {
			e.revoke(nil)
			fresh[sum] = old // who has shown it goes on
		}
	}
	t.known.Store(&fresh)
	for sum, old := range before {
		if fresh[sum] != old {
			old.revoke(ErrRevoked)
		}
	}
	return nil
}

func parseTokens(content []byte) (map[digest]*entry, error) {
	tokens := make(map[digest]*entry)
	lines := bufio.NewScanner(bytes.NewReader(content))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		sum, caller, err := parseToken(line)
		if err == nil && tokens[sum] != nil {
			err = errors.New("the same hash stands further up")
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		e := &entry{caller: caller}
		e.caller.revoked, e.revoke = context.WithCancelCause(context.Background())
		tokens[sum] = e
	}
	return tokens, lines.Err()
}

// parseToken reads a line. Errors tell nothing of the hash: somebody may have put the token there.
func parseToken(line string) (sum digest, c Caller, err error) {
	fields := strings.Fields(line)
	if len(fields) < 3 {
		return sum, c, errors.New("give the SHA-256 of the token, its scopes, when it expires or never, and its owner")
	}
	if n, err := hex.Decode(sum[:], []byte(clipped(fields[0]))); err != nil || n != len(sum) || len(fields[0]) != 2*len(sum) {
		return sum, c, errors.New("it begins with no SHA-256 in hexadecimal, 64 digits")
	}
	for name := range strings.SplitSeq(fields[1], ",") {
		scope, ok := parseScope(name)
		if !ok {
			return sum, c, fmt.Errorf("%q is no scope: give read, write, admin, with commas between them", name)
		}
		c.Scopes |= scope
	}
	if fields[2] != "never" {
		if c.Expires, err = time.Parse(time.RFC3339, fields[2]); err != nil {
			return sum, c, fmt.Errorf("%q is no time: give it as 2027-01-31T00:00:00Z, or never", fields[2])
		}
	}
	if c.Owner = ownerOf(line); c.Owner != "" {
		err = checkOwner(c.Owner)
	}
	return sum, c, err
}

// clipped gives as much of a text as a digest has digits.
func clipped(text string) string { return text[:min(len(text), 2*sha256.Size)] }

// ownerOf gives what stands behind the third field, as it is.
func ownerOf(line string) string {
	for range 3 {
		line = strings.TrimLeft(strings.TrimLeftFunc(line, func(r rune) bool { return r != ' ' && r != '\t' }), " \t")
	}
	return line
}

// Authenticate gives the caller of a token.
func (t *Tokens) Authenticate(_ context.Context, token string) (*Caller, error) {
	if len(token) > MaxTokenBytes {
		return nil, ErrInvalid
	}
	e := (*t.known.Load())[sha256.Sum256([]byte(token))]
	switch {
	case e == nil:
		return nil, ErrInvalid
	case !e.caller.Expires.IsZero() && !time.Now().Before(e.caller.Expires):
		return nil, ErrExpired
	}
	return &e.caller, nil
}

// Close stops looking at the file. Tokens stay what they are.
func (t *Tokens) Close() { t.watch.stop() }
