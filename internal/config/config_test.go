package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDefaults(t *testing.T) {
	c, err := Load(nil)
	require.NoError(t, err)
	assert.True(t, c.Embedded())
	assert.Equal(t, "127.0.0.1:8080", c.ListenAddr)
	assert.Equal(t, 6379, c.Redis.Port)
	assert.Equal(t, "thread", c.Redis.KeyPrefix)
	assert.Equal(t, 2_592_000, c.Redis.TTLSeconds)
	assert.Equal(t, Duration(5*time.Second), c.Redis.Timeout)
	assert.Equal(t, Limits{
		MaxMessageBytes: 256 << 10, MaxThreadMessages: 100_000, ThreadOverflow: "refuse", MaxBatchMessages: 500,
		MaxContextBytes: 256 << 10, MaxMetadataBytes: 64 << 10, MaxPlanBytes: 256 << 10, MaxToolCallsBytes: 1 << 20,
		MaxRequestBytes: 2 << 20, MaxQueryTokens: 2000,
	}, c.Limits)
}

func TestRedisIsNamed(t *testing.T) {
	for name, environ := range map[string][]string{
		"host":     {"REDIS_HOST=redis"},
		"url":      {"REDIS_URL=rediss://user:secret@redis:6380/2"},
		"cluster":  {"REDIS_ADDRS=a:1,b:2"},
		"sentinel": {"REDIS_ADDRS=a:1", "REDIS_SENTINEL_MASTER=mymaster", "REDIS_DB=3"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Load(environ)
			require.NoError(t, err)
			assert.False(t, c.Embedded())
		})
	}
	c, err := Load([]string{"REDIS_HOST=", "REDIS_URL=", "REDIS_ADDRS=", "REDIS_PORT="})
	require.NoError(t, err, "a variable that is set to nothing is not set")
	assert.True(t, c.Embedded())
	assert.Equal(t, 6379, c.Redis.Port)
}

func TestWhatIsRefused(t *testing.T) {
	for environ, names := range map[string]string{
		"REDIS_PORT=0":                          "REDIS_PORT",
		"REDIS_PORT=65536":                      "REDIS_PORT",
		"REDIS_PORT=x":                          "REDIS_PORT",
		"REDIS_DB=-1":                           "REDIS_DB",
		"REDIS_MAX_CONNECTIONS=0":               "REDIS_MAX_CONNECTIONS",
		"REDIS_CONNECT_TIMEOUT=0":               "REDIS_CONNECT_TIMEOUT",
		"REDIS_TIMEOUT=61":                      "REDIS_TIMEOUT",
		"REDIS_TIMEOUT=soon":                    "REDIS_TIMEOUT",
		"REDIS_TTL_SECONDS=0":                   "REDIS_TTL_SECONDS",
		"REDIS_TTL_SECONDS=31536001":            "REDIS_TTL_SECONDS",
		"REDIS_KEY_PREFIX={a}":                  "REDIS_KEY_PREFIX",
		"REDIS_KEY_PREFIX=a b":                  "REDIS_KEY_PREFIX",
		"REDIS_URL=http://redis":                "REDIS_URL",
		"REDIS_ADDRS=redis":                     "REDIS_ADDRS",
		"REDIS_SENTINEL_MASTER=m":               "REDIS_SENTINEL_MASTER",
		"REDIS_ADDRS=a:1 REDIS_DB=1":            "REDIS_DB",
		"REDIS_HOST=a REDIS_URL=redis://b":      "REDIS_HOST, REDIS_URL: set only one",
		"REDIS_TLS_CERT_FILE=c":                 "REDIS_TLS_KEY_FILE",
		"REDIS_TLS_ENABLED=perhaps":             "REDIS_TLS_ENABLED",
		"CLEANUP_INTERVAL=50ms":                 "CLEANUP_INTERVAL",
		"SHUTDOWN_TIMEOUT=-1s":                  "SHUTDOWN_TIMEOUT",
		"LISTEN_ADDR=8080":                      "LISTEN_ADDR",
		"LOG_LEVEL=loud":                        "LOG_LEVEL",
		"LOG_FORMAT=xml":                        "LOG_FORMAT",
		"THREAD_OVERFLOW=drop":                  "THREAD_OVERFLOW",
		"MAX_MESSAGE_BYTES=1023":                "MAX_MESSAGE_BYTES",
		"MAX_THREAD_MESSAGES=0":                 "MAX_THREAD_MESSAGES",
		"MAX_BATCH_MESSAGES=2001":               "MAX_BATCH_MESSAGES",
		"MAX_CONTEXT_BYTES=0":                   "MAX_CONTEXT_BYTES",
		"MAX_METADATA_BYTES=1":                  "MAX_METADATA_BYTES",
		"MAX_PLAN_BYTES=0":                      "MAX_PLAN_BYTES",
		"MAX_TOOL_CALLS_BYTES=0":                "MAX_TOOL_CALLS_BYTES",
		"MAX_REQUEST_BYTES=67108865":            "MAX_REQUEST_BYTES",
		"MAX_QUERY_TOKENS=99":                   "MAX_QUERY_TOKENS",
		"MAX_QUERY_TOKENS=99999999999999999999": "MAX_QUERY_TOKENS",
	} {
		t.Run(environ, func(t *testing.T) {
			_, err := Load(strings.Fields(environ))
			if environ == "REDIS_KEY_PREFIX=a b" {
				_, err = Load([]string{environ})
			}
			require.Error(t, err)
			assert.Contains(t, err.Error(), names)
		})
	}
}

func TestMistypedNamesAreWarnedOf(t *testing.T) {
	c, err := Load([]string{"REDIS_HOTS=a", "REDIS_PORT=1", "REDIS_EXPORTER_PORT=2", "MAX_MESSAGES_BYTES=3", "PATH=x"})
	require.NoError(t, err)
	assert.Equal(t, []string{
		"MAX_MESSAGES_BYTES is not a variable of this server; did you mean MAX_MESSAGE_BYTES?",
		"REDIS_HOTS is not a variable of this server; did you mean REDIS_HOST?",
	}, c.Warnings)
}

func TestEveryProblemIsALine(t *testing.T) {
	_, err := Load([]string{"REDIS_PORT=0", "LOG_LEVEL=loud", "MAX_QUERY_TOKENS=1"})
	require.Error(t, err)
	assert.Len(t, strings.Split(err.Error(), "\n"), 3)
	_, err = Load([]string{"REDIS_PORT=x", "REDIS_TIMEOUT=y"})
	require.Error(t, err)
	assert.Len(t, strings.Split(err.Error(), "\n"), 2)
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5": 5 * time.Second, "2.5": 2500 * time.Millisecond, "500ms": 500 * time.Millisecond, "1m": time.Minute,
	} {
		c, err := Load([]string{"REDIS_TIMEOUT=" + text})
		require.NoError(t, err, text)
		assert.Equal(t, want, time.Duration(c.Redis.Timeout), text)
	}
}

func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"5", "2.5", "1e9", "-1", "NaN", "Inf", "500ms", "1h2m", "", "0x1p-2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseDuration(text)
		if err == nil && !strings.ContainsAny(text, "hmsuµn") {
			assert.GreaterOrEqual(t, d, Duration(0), "a number of seconds is never negative")
		}
	})
}

func TestSecretsAreNotShown(t *testing.T) {
	const secret = "hunter2hunter2"
	environ := []string{
		"REDIS_URL=redis://user:" + secret + "@redis", "REDIS_PASSWORD=" + secret, "REDIS_SENTINEL_PASSWORD=" + secret,
	}
	c, err := Load(environ)
	require.NoError(t, err)
	require.Equal(t, secret, c.Redis.Password.Reveal())
	encoded, err := json.Marshal(c)
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("", "password", c.Redis.Password, "config", c)
	_, problem := Load(append(environ, "REDIS_PORT=x", "REDIS_HOST=also"))
	require.Error(t, problem)
	for _, shown := range []string{
		fmt.Sprintf("%v", c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprint(c.Redis.URL), string(encoded), log.String(), problem.Error(),
	} {
		assert.NotContains(t, shown, secret)
	}
}

func TestHelpListsEveryVariableOnce(t *testing.T) {
	var help strings.Builder
	require.NoError(t, WriteHelp(&help))
	variables := Describe()
	require.Greater(t, len(variables), 30)
	for _, v := range variables {
		assert.Equal(t, 1, strings.Count(help.String(), "\n  "+v.Name+" "), v.Name)
		assert.NotEmpty(t, v.Text, v.Name)
		if v.Default != "" {
			assert.Contains(t, help.String(), "["+v.Default+"]", v.Name)
		}
	}
	for line := range strings.Lines(help.String()) {
		assert.LessOrEqual(t, len(line), 120, line)
	}
}
