package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHelp(t *testing.T) {
	var stdout, stderr strings.Builder
	require.NoError(t, run(t.Context(), []string{"-h"}, &stdout, &stderr))
	for _, want := range []string{"go run ./examples/load", "-url", "-prefix", "-concurrency", "-verify", "Example", "Exit codes"} {
		assert.Contains(t, stdout.String(), want)
	}
	assert.Empty(t, stderr.String())
}

func TestUsageErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no file":              {nil, "give one FILE, behind the flags, not 0"},
		"two files":            {[]string{"a", "b"}, "not 2"},
		"a flag behind":        {[]string{"a", "-verify"}, "behind the flags"},
		"an unknown flag":      {[]string{"-fast", "a"}, "flag provided but not defined: -fast"},
		"no concurrency":       {[]string{"-concurrency", "0", "a"}, "from 1 to 64, not 0"},
		"too much concurrency": {[]string{"-concurrency", "65", "a"}, "from 1 to 64, not 65"},
		"no address":           {[]string{"-url", "", "a"}, "give -url an address"},
		"a bare host":          {[]string{"-url", "localhost:8080", "a"}, "give -url an address"},
		"no host":              {[]string{"-url", "http:///graphql", "a"}, "give -url an address"},
		"another scheme":       {[]string{"-url", "ws://localhost/graphql", "a"}, "give -url an address"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			err := run(t.Context(), tc.args, &stdout, &stderr)
			require.ErrorContains(t, err, tc.want)
			assert.Empty(t, stdout.String()+stderr.String(), "the caller prints the error")
			assert.Equal(t, 2, exitCode(err, &stderr))
			assert.Contains(t, stderr.String(), "-h tells more")
		})
	}
}

func TestExitCodes(t *testing.T) {
	var stderr strings.Builder
	assert.Equal(t, 0, exitCode(nil, &stderr))
	assert.Empty(t, stderr.String())
	assert.Equal(t, 1, exitCode(errors.New("it rains"), &stderr))
	assert.Equal(t, "load: it rains\n", stderr.String())
}

func TestRun(t *testing.T) {
	f := newFake(t)
	var stdout, stderr strings.Builder
	require.NoError(t, run(context.Background(), []string{"-url", f.url, "-verify", write(t, talk("a", 2))}, &stdout, &stderr))
	assert.Contains(t, stdout.String(), "1 conversation, 2 messages, none of them already there, in ")
	assert.Equal(t, "load: 50 %\nload: 100 %\n", stderr.String())
}

func TestProgress(t *testing.T) {
	t.Run("as lines", func(t *testing.T) {
		var out strings.Builder
		p := newProgress(&out, 40, isTerminal(&out))
		for range 40 {
			p.add(1)
		}
		p.say("a word")
		p.end()
		assert.Equal(t, "load: 10 %\nload: 20 %\nload: 30 %\nload: 40 %\nload: 50 %\nload: 60 %\nload: 70 %\nload: 80 %\nload: 90 %\nload: 100 %\nload: a word\n", out.String())
	})
	t.Run("as a bar", func(t *testing.T) {
		var out strings.Builder
		p := newProgress(&out, 40, true)
		p.add(20)
		assert.Contains(t, out.String(), " 50%")
		p.say("a word")
		assert.Regexp(t, `\rload: a word\n`, out.String(), "on a line of its own")
		p.add(20)
		p.end()
		assert.Regexp(t, `\r *\r$`, out.String(), "nothing is left of the bar")
	})
	t.Run("of nothing", func(t *testing.T) {
		newProgress(io.Discard, 0, true).end()
	})
}
