package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/config"
)

// invoke runs the program with arguments and an environment with which it does not serve, and gives what it printed.
func invoke(t *testing.T, args, environ []string) (string, error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // if it should serve after all, it ends at once
	err := run(ctx, args, environ, &stdout, &stderr, nil)
	assert.Empty(t, stderr.String())
	return stdout.String(), err
}

func TestHelpListsEveryVariable(t *testing.T) {
	t.Parallel()
	for _, argument := range []string{"--help", "-h", "help"} {
		help, err := invoke(t, []string{argument}, nil)
		require.NoError(t, err)
		// These are promised by the API; the rest is what the program knows.
		for _, name := range []string{
			"REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD", "REDIS_USERNAME", "REDIS_DB", "REDIS_KEY_PREFIX", "REDIS_TTL_SECONDS", "REDIS_URL",
			"REDIS_ADDRS", "REDIS_SENTINEL_MASTER", "REDIS_TLS_", "REDIS_MAX_CONNECTIONS", "REDIS_CONNECT_TIMEOUT", "REDIS_TIMEOUT", "LISTEN_ADDR",
			"LOG_LEVEL", "LOG_FORMAT", "ENVIRONMENT",
		} {
			assert.Contains(t, help, "  "+name)
		}
		for _, v := range config.Describe() {
			entry := entryOf(help, v.Name)
			assert.Contains(t, entry, v.Text, v.Name)
			assert.True(t, v.Default == "" || strings.HasSuffix(entry, " ["+v.Default+"]"), "the default of %s: %s", v.Name, entry)
		}
	}
	for name, value := range map[string]string{
		"REDIS_PORT": "6379", "REDIS_DB": "0", "REDIS_KEY_PREFIX": "thread", "REDIS_TTL_SECONDS": "2592000", "LISTEN_ADDR": "127.0.0.1:8080",
		"MAX_MESSAGE_BYTES": "262144", "MAX_THREAD_MESSAGES": "100000", "MAX_CONTEXT_BYTES": "262144", "MAX_METADATA_BYTES": "65536",
		"MAX_BATCH_MESSAGES": "500", "MAX_REQUEST_BYTES": "2097152", "THREAD_OVERFLOW": "refuse",
	} {
		help, err := invoke(t, []string{"--help"}, nil)
		require.NoError(t, err)
		assert.Contains(t, entryOf(help, name), "["+value+"]", name)
	}
}

// entryOf gives what help says of a variable, whose text may go on in further lines.
func entryOf(help, name string) string {
	_, rest, _ := strings.Cut(help, "\n  "+name+" ")
	var words []string
	for i, line := range strings.Split(rest, "\n") {
		if i > 0 && !strings.HasPrefix(line, "    ") {
			break
		}
		words = append(words, strings.Fields(line)...)
	}
	return strings.Join(words, " ")
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for _, argument := range []string{"--version", "-version", "version"} {
		text, err := invoke(t, []string{argument}, nil)
		require.NoError(t, err)
		assert.Regexp(t, `^agentstate \S+\n$`, text)
	}
}

func TestUnknownArgument(t *testing.T) {
	t.Parallel()
	for _, argument := range []string{"--port=1", "-p", "serv", ""} {
		_, err := invoke(t, []string{argument}, nil)
		assert.ErrorContains(t, err, "--help", argument)
	}
}

// TestBadVariable: the error names every variable that is wrong, and shows no secret.
func TestBadVariable(t *testing.T) {
	t.Parallel()
	for _, variable := range []string{
		"REDIS_PORT=x", "REDIS_PORT=0", "REDIS_DB=-1", "REDIS_TTL_SECONDS=0", "REDIS_TTL_SECONDS=31536001", "REDIS_TIMEOUT=soon", "REDIS_TIMEOUT=0",
		"REDIS_CONNECT_TIMEOUT=-1s", "REDIS_MAX_CONNECTIONS=0", "REDIS_BUCKETS=0", "REDIS_BUCKETS=12", "REDIS_BUCKETS=512", "REDIS_KEY_PREFIX=a{b}", "REDIS_KEY_PREFIX=a b", "REDIS_URL=http://sesame",
		"REDIS_URL=redis://:sesame@host:notaport", "REDIS_ADDRS=nohost", "REDIS_SENTINEL_MASTER=m", "LISTEN_ADDR=nowhere", "LISTEN_ADDR=127.0.0.1:99999",
		"LOG_LEVEL=loud", "LOG_FORMAT=xml", "THREAD_OVERFLOW=burst", "MAX_MESSAGE_BYTES=1", "MAX_THREAD_MESSAGES=0", "MAX_BATCH_MESSAGES=0",
		"MAX_CONTEXT_BYTES=x", "MAX_METADATA_BYTES=0", "MAX_PLAN_BYTES=0", "MAX_TOOL_CALLS_BYTES=0", "MAX_REQUEST_BYTES=0", "MAX_QUERY_TOKENS=1",
		"SHUTDOWN_TIMEOUT=-1", "CLEANUP_INTERVAL=0", "REDIS_TLS_ENABLED=perhaps", "REDIS_TLS_CA_FILE=/nowhere", "REDIS_TLS_CERT_FILE=/nowhere",
	} {
		name, value, _ := strings.Cut(variable, "=")
		err := run(t.Context(), nil, []string{variable}, io.Discard, io.Discard, nil)
		require.ErrorContains(t, err, name, variable)
		if strings.Contains(value, "sesame") {
			assert.NotContains(t, err.Error(), "sesame")
		}
	}
	err := run(t.Context(), nil, []string{"REDIS_PORT=x", "LOG_LEVEL=loud", "REDIS_HOST=a", "REDIS_URL=redis://b"}, io.Discard, io.Discard, nil)
	require.ErrorContains(t, err, "REDIS_PORT")
	err = run(t.Context(), nil, []string{"LOG_LEVEL=loud", "REDIS_HOST=a", "REDIS_URL=redis://b"}, io.Discard, io.Discard, nil)
	for _, name := range []string{"LOG_LEVEL", "REDIS_HOST", "REDIS_URL"} {
		assert.ErrorContains(t, err, name)
	}
}

func TestPortThatIsTaken(t *testing.T) {
	t.Parallel()
	s := start(t)
	err := run(t.Context(), nil, []string{"LISTEN_ADDR=" + s.addr}, io.Discard, io.Discard, nil)
	assert.ErrorContains(t, err, "LISTEN_ADDR")
}
