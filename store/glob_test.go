package store

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func matchGlob(pattern, text string) bool { return compileGlob(pattern).match(text) }

func TestMatchGlob(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"a", "", false},
		{"*", "", true},
		{"*", "anything at all", true},
		{"**", "a", true},
		{"abc", "abc", true},
		{"abc", "abcd", false},
		{"abc", "ab", false},
		{"abc", "aBc", false},
		{"a*", "a", true},
		{"a*", "abc", true},
		{"*c", "abc", true},
		{"a*c", "abbbc", true},
		{"a*c", "abbb", false},
		{"*b*", "abc", true},
		{"a*b*c", "a-b-b-c", true},
		{"a*bc", "abcabc", true},
		{"*ab", "aab", true},
		{"?", "", false},
		{"?", "a", true},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"?*", "a", true},
		{"?*", "", false},
		{"[abc]", "b", true},
		{"[abc]", "d", false},
		{"[a-c]x", "bx", true},
		{"[c-a]x", "bx", true},
		{"[^a]", "b", true},
		{"[^a]", "a", false},
		{"[^a]", "", false},
		{"[a-]", "-", false},
		{"[a", "a", true},
		{"[a", "b", false},
		{"[", "[", false},
		{"[]", "]", false},
		{"[^]", "x", true},
		{`[\]]`, "]", true},
		{`[\^a]`, "^", true},
		{`[a\-c]`, "b", false},
		{`[a\-c]`, "-", true},
		{`[\a-c]`, "b", false},
		{`[\a-c]`, "-", true},
		{`\*`, "*", true},
		{`\*`, "a", false},
		{`\?`, "?", true},
		{`\[a]`, "[a]", true},
		{`\\`, `\`, true},
		{`\`, `\`, true},
		{`a\`, `a\`, true},
		{`\a`, "a", true},
		{"chat:*:{x}", "chat:1:{x}", true},
		{"%*", "%3A", true},
		// Unlike in Redis a character is one of Unicode.
		{"?", "é", true},
		{"??", "é", false},
		{"[é-ü]", "ö", true},
		{"[^é]", "é", false},
		{"日*語", "日本語", true},
		{"*😀", "a😀", true},
		{`\é`, "é", true},
		{"?", "\xff", true},
		{"\xff", "\xff", true},
		{"\xff", "\xfe", false},
		{"*", "\xff\xfe", true},
		{"\xc3*", "é", false},
		{"[\xff]", "\xfe", true}, // what is not UTF-8 is one and the same character in a choice
		{"[a-cb-fz]", "e", true},
		{"[a-cx-z]", "e", false},
		{"[^a-cx-z]", "y", false},
		{"[zyxba]", "x", true},
	} {
		assert.Equal(t, c.want, matchGlob(c.pattern, c.text), "%q matches %q", c.pattern, c.text)
	}
}

// A matcher that reconsiders every star would take longer than the universe is old.
func TestGlobsDoNotExplode(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("a", 255)
	assert.False(t, matchGlob(strings.Repeat("*a", 100)+"b", text))
	assert.False(t, matchGlob(strings.Repeat("a*", 100)+"b", text))
	assert.False(t, matchGlob(strings.Repeat("*?", 100)+"b", text))
	assert.False(t, matchGlob(strings.Repeat("*[a-z]", 100)+"b", text))
	assert.True(t, matchGlob(strings.Repeat("*a", 255), text))
	// Nor does a choice cost what it names: a pattern of the longest length, on an id of the longest length.
	choice := compileGlob("*[" + strings.Repeat("b", 250) + "]c")
	require.Len(t, choice.elements[1].ranges, 1)
	assert.False(t, choice.match(text))
}

// naiveGlob is how Redis matches bytes, as plainly as it can be said: stringmatchlen in its src/util.c.
func naiveGlob(pattern, text string) bool {
	if pattern == "" {
		return text == ""
	}
	if pattern[0] == '*' {
		return naiveGlob(pattern[1:], text) || text != "" && naiveGlob(pattern, text[1:])
	}
	if text == "" {
		return false
	}
	switch pattern[0] {
	case '?':
		return naiveGlob(pattern[1:], text[1:])
	case '[':
		rest, ok := naiveChoice(pattern[1:], text[0])
		return ok && naiveGlob(rest, text[1:])
	case '\\':
		if len(pattern) > 1 {
			pattern = pattern[1:]
		}
	}
	return pattern[0] == text[0] && naiveGlob(pattern[1:], text[1:])
}

func naiveChoice(pattern string, c byte) (rest string, ok bool) {
	negated := strings.HasPrefix(pattern, "^")
	pattern = strings.TrimPrefix(pattern, "^")
	found := false
	for {
		switch {
		case len(pattern) >= 2 && pattern[0] == '\\':
			found = found || pattern[1] == c
			pattern = pattern[2:]
		case pattern == "":
			return "", found != negated
		case pattern[0] == ']':
			return pattern[1:], found != negated
		case len(pattern) >= 3 && pattern[1] == '-':
			found = found || min(pattern[0], pattern[2]) <= c && c <= max(pattern[0], pattern[2])
			pattern = pattern[3:]
		default:
			found = found || pattern[0] == c
			pattern = pattern[1:]
		}
	}
}

// redisGlob asks a real Redis: it sets one key in a database of its own and scans for the pattern. Nil where there is no Redis.
var redisGlob = sync.OnceValue(func() func(tb testing.TB, pattern, text string) bool {
	server, err := launchServer()
	if err != nil {
		return nil
	}
	opts := *server.Client().Options()
	opts.DB = 15
	client := redis.NewClient(&opts)
	launchMu.Lock()
	running = append(running, closer{client})
	launchMu.Unlock()
	var mu sync.Mutex
	return func(tb testing.TB, pattern, text string) bool {
		tb.Helper()
		mu.Lock()
		defer mu.Unlock()
		var scan *redis.ScanCmd
		_, err := client.Pipelined(context.Background(), func(pipe redis.Pipeliner) error {
			pipe.FlushDB(context.Background())
			pipe.Set(context.Background(), text, "", 0)
			scan = pipe.Scan(context.Background(), 0, pattern, 1000)
			return nil
		})
		require.NoError(tb, err)
		found, _ := scan.Val()
		return len(found) == 1
	}
})

// closer is a client whose error on closing is nobody's concern.
type closer struct{ client *redis.Client }

func (c closer) Close() { _ = c.client.Close() }

// likeRedis asserts that a pattern of ASCII means what it means to Redis.
func likeRedis(tb testing.TB, pattern, text string) {
	tb.Helper()
	want := naiveGlob(pattern, text)
	// go-redis leaves out an empty pattern, and Redis lets nothing but "*" and "" match an empty key; no id is empty.
	if redisGlob() != nil && pattern != "" && text != "" {
		require.Equal(tb, want, redisGlob()(tb, pattern, text), "the matcher of this test is Redis': %q, %q", pattern, text)
	}
	require.Equal(tb, want, matchGlob(pattern, text), "%q matches %q", pattern, text)
}

func TestGlobsMeanWhatTheyMeanToRedis(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) // the same patterns each time
	draw := func(from string, most int) string {
		text := make([]byte, random.IntN(most+1))
		for i := range text {
			text[i] = from[random.IntN(len(from))]
		}
		return string(text)
	}
	for range 3000 {
		likeRedis(t, draw(`ab-]^[*?\`, 8), draw(`ab-]^[\`, 4))
	}
}

func FuzzMatchGlob(f *testing.F) {
	for _, pattern := range []string{"", "*", "a*b", "[a-c]", "[^a-", `[\a-c]`, "[a-]", `\`, "[", "[^]", "é?", "*a*a*a*b"} {
		f.Add(pattern, "abc")
		f.Add(pattern, pattern)
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		matched := matchGlob(pattern, text)
		g := compileGlob(pattern)
		prefix, exact := g.prefix, g.exact
		if matched && !strings.HasPrefix(text, prefix) {
			t.Fatalf("%q matches %q, which does not start with %q", pattern, text, prefix)
		}
		if exact && matched != (prefix == text) {
			t.Fatalf("%q is exactly %q", pattern, prefix)
		}
		const bound = 20 // the plain matchers take exponential time
		if isASCII(pattern) && isASCII(text) && len(pattern) <= bound && len(text) <= bound {
			likeRedis(t, pattern, text)
		}
	})
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > 127 })
}
