package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bounds are the lowest and the highest value of each variable that has a range, and their neighbours outside of it.
var bounds = []struct{ name, below, low, high, above string }{
	{"DRAIN_DELAY", "-1ns", "0", "5m", "5m1ns"},
	{"PERSISTED_QUERY_TTL", "59s", "1m", "720h", "721h"},
	{"AUTH_JWT_LEEWAY", "-1ns", "0", "10m", "601"},
	{"SHUTDOWN_TIMEOUT", "-1ns", "0", "1h", "1h1ns"},
	{"REDIS_PORT", "0", "1", "65535", "65536"},
	{"REDIS_DB", "-1", "0", "1048576", "1048577"},
	{"REDIS_MAX_CONNECTIONS", "0", "1", "10000", "10001"},
	{"REDIS_CONNECT_TIMEOUT", "0.009999999", "10ms", "60", "60.000000001"},
	{"REDIS_TIMEOUT", "9ms", "0.01", "1m", "61"},
	{"REDIS_WAIT_REPLICAS", "-1", "0", "10", "11"},
	{"REDIS_WAIT_TIMEOUT", "9ms", "10ms", "1m", "61s"},
	{"SLOW_CLIENT_TIMEOUT", "999ms", "1s", "1h", "3601"},
	{"DELIVERY_CHECK_INTERVAL", "0.9", "1s", "1h", "2h"},
	{"REDIS_BUCKETS", "0", "1", "256", "512"},
	{"REDIS_TTL_SECONDS", "0", "1", "31536000", "31536001"},
	{"CLEANUP_INTERVAL", "99ms", "100ms", "3600", "61m"},
	{"MAX_MESSAGE_BYTES", "1023", "1024", "16777216", "16777217"},
	{"MAX_THREAD_MESSAGES", "0", "1", "10000000", "10000001"},
	{"MAX_BATCH_MESSAGES", "0", "1", "2000", "2001"},
	{"MAX_CONTEXT_BYTES", "0", "1", "16777216", "16777217"},
	{"MAX_METADATA_BYTES", "1", "2", "16777216", "16777217"},
	{"MAX_PLAN_BYTES", "0", "1", "16777216", "16777217"},
	{"MAX_TOOL_CALLS_BYTES", "0", "1", "16777216", "16777217"},
	{"MAX_REQUEST_BYTES", "1023", "1024", "67108864", "67108865"},
	{"MAX_QUERY_TOKENS", "99", "100", "100000", "100001"},
	{"MAX_QUERY_DEPTH", "1", "2", "1000", "1001"},
	{"MAX_QUERY_ALIASES", "0", "1", "100000", "100001"},
	{"MAX_QUERY_ROOT_FIELDS", "0", "1", "100000", "100001"},
	{"MAX_QUERY_DIRECTIVES", "0", "1", "100000", "100001"},
	{"MAX_QUERY_FIELDS", "0", "1", "100000", "100001"},
	{"MAX_QUERY_REPEATS", "0", "1", "100000", "100001"},
	{"MAX_QUERY_OPERATIONS", "0", "1", "10000", "10001"},
	{"MAX_QUERY_NAME_BYTES", "29", "30", "100000", "100001"},
	{"MAX_QUERY_COMPLEXITY", "99", "100", "10000000", "10000001"},
	{"MAX_REQUESTS_PER_SECOND", "-1", "0", "1000000", "1000001"},
	{"MAX_REQUEST_BURST", "-1", "0", "10000000", "10000001"},
	{"MAX_CONNECTIONS", "-1", "0", "10000000", "10000001"},
	{"MAX_CONNECTIONS_PER_CALLER", "-1", "0", "10000000", "10000001"},
	{"MAX_CONNECTION_OPERATIONS", "0", "1", "100000", "100001"},
	{"MAX_CONNECTION_BYTES_PER_SECOND", "-1", "0", "1073741824", "1073741825"},
	{"OPERATION_TIMEOUT", "99ms", "100ms", "1h", "3601"},
	{"REQUEST_BODY_TIMEOUT", "99ms", "0.1", "1h", "61m"},
}

func TestBounds(t *testing.T) {
	for _, b := range bounds {
		t.Run(b.name, func(t *testing.T) {
			for _, value := range []string{b.low, b.high} {
				_, err := Load([]string{b.name + "=" + value})
				require.NoError(t, err)
			}
			for _, value := range []string{b.below, b.above, "x", "99999999999999999999"} {
				_, err := Load([]string{b.name + "=" + value})
				require.ErrorContains(t, err, b.name+` is "`+value+`": give it `)
			}
		})
	}
}

// A number of the configuration without a range, or a range without a test, is noticed here.
func TestBoundsAreWhole(t *testing.T) {
	tested := make(map[string]bool)
	for _, b := range bounds {
		tested[b.name] = true
	}
	texts := make(map[string]string)
	for _, v := range Describe() {
		texts[v.Name] = v.Text
		if number := strings.Trim(v.Default, "0123456789ms") == "" && v.Default != ""; number {
			assert.True(t, tested[v.Name], v.Name)
		}
	}
	c, err := Load(nil)
	require.NoError(t, err)
	ruled := make(map[string]bool)
	for _, r := range slices.Concat(c.rules(), c.Layout.rules(), c.Documents.rules(), c.Auth.rules(), c.Browsers.rules()) {
		assert.False(t, ruled[r.name], "%s has two rules", r.name)
		ruled[r.name] = true
		text, known := texts[r.name]
		assert.True(t, known, r.name)
		if strings.Contains(text, " to ") && tested[r.name] {
			assert.Contains(t, text, r.want, r.name)
		}
	}
	for name := range tested {
		assert.True(t, ruled[name], name)
	}
}

func TestValues(t *testing.T) {
	for _, test := range []struct {
		name    string
		allowed []string
		refused []string
	}{
		{"LISTEN_ADDR", []string{"localhost:0", "[::1]:80", "127.1.2.3:1"}, []string{"8080", "host", "a:b", "a:65536", "a:-1", "http://a:1", "a :1", ":1\n"}},
		{"LOG_LEVEL", []string{"debug", "info", "warn", "error"}, []string{"loud", "INFO"}},
		{"LOG_FORMAT", []string{"text", "json"}, []string{"xml"}},
		{"REDIS_HOST", []string{"redis", "10.0.0.1", "::1", "fe80::1%eth0"}, []string{"redis:6379", "redis://redis", "[::1]", "/run/redis.sock", " ", "redis\n", "a,b", "a\x00"}},
		{"REDIS_URL", []string{"redis://r", "rediss://r:1/2", "unix:///run/r.sock"}, []string{"http://r", "redis", "redis:r", "r:6379"}},
		{"REDIS_ADDRS", []string{"a:1", "a:1,b:2", "[::1]:6379, b:2"}, []string{"a", "a:1,", ",", ":1", "a:0", "a:65536", "a:1;b:2", "redis://a:1"}},
		{"REDIS_TLS_ENABLED", []string{"true", "false", "1", "0"}, []string{"perhaps"}},
		{"REDIS_TLS_INSECURE_SKIP_VERIFY", []string{"true", "false"}, []string{"perhaps"}},
		{
			"REDIS_KEY_PREFIX",
			[]string{"a", "a:b/c*[d]~!", strings.Repeat("p", 64)},
			[]string{"{a}", "a{", "a}", "a b", "a\tb", "a\n", "\x7f", "é", strings.Repeat("p", 65)},
		},
		{"SHARE_REQUEST_RATES", []string{"false", "0"}, []string{"perhaps", "2"}},
		{"AUTH_MODE", []string{"none"}, []string{"None", "basic"}},
		{"REST_ENDPOINTS", []string{"on", "off"}, []string{"true", "On"}},
		{"TRUSTED_DOCUMENTS", []string{"allow", "off"}, []string{"none", "Only"}},
		{
			"TRUSTED_PROXIES",
			[]string{"10.0.0.1", "10.0.0.0/8,fd00::/8", "::1, 127.0.0.1", "::ffff:10.0.0.1"},
			[]string{"proxy", "10.0.0.0/33", "10.0.0.1:80", ",", "10.0.0.1;10.0.0.2", "*"},
		},
		{"THREAD_OVERFLOW", []string{"refuse", "trim"}, []string{"drop", "Trim"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, value := range test.allowed {
				_, err := Load([]string{test.name + "=" + value})
				require.NoError(t, err, "%q", value)
			}
			for _, value := range test.refused {
				_, err := Load([]string{test.name + "=" + value})
				require.ErrorContains(t, err, test.name+" is ", "%q", value)
			}
		})
	}
}

func TestConflicts(t *testing.T) {
	for environ, want := range map[string]string{
		"REDIS_HOST=a REDIS_URL=redis://b":                                "REDIS_HOST, REDIS_URL: set only one of them",
		"REDIS_REPLICA_URL=redis://a":                                     "REDIS_REPLICA_URL: name its master too, in REDIS_HOST or REDIS_URL",
		"REDIS_REPLICA_URL=http://a":                                      "REDIS_REPLICA_URL is " + hidden + ": give it an address that begins with redis://, rediss:// or unix://\nREDIS_REPLICA_URL: name its master too, in REDIS_HOST or REDIS_URL",
		"REDIS_ADDRS=a:1 REDIS_REPLICA_URL=redis://b":                     "REDIS_REPLICA_URL: leave it out, a cluster and sentinels tell which replicas there are",
		"REDIS_HOST=a REDIS_TLS_ENABLED=true REDIS_REPLICA_URL=unix:///b": "REDIS_REPLICA_URL: with REDIS_TLS_* it cannot be a unix socket, on which Redis speaks no TLS",
		"REDIS_HOST=a REDIS_ADDRS=b:1":                                    "REDIS_HOST, REDIS_ADDRS: set only one of them",
		"REDIS_URL=redis://a REDIS_ADDRS=b:1":                             "REDIS_URL, REDIS_ADDRS: set only one of them",
		"REDIS_HOST=a REDIS_URL=redis://b REDIS_ADDRS=c:1":                "REDIS_HOST, REDIS_URL, REDIS_ADDRS: set only one of them",
		"REDIS_SENTINEL_MASTER=m":                                         "REDIS_SENTINEL_MASTER: give the sentinels in REDIS_ADDRS",
		"REDIS_SENTINEL_MASTER=m REDIS_HOST=a":                            "REDIS_SENTINEL_MASTER: give the sentinels in REDIS_ADDRS",
		"REDIS_ADDRS=a:1 REDIS_DB=1":                                      "REDIS_DB: leave it 0, a cluster has no other database",
		"REDIS_TLS_CERT_FILE=c":                                           "REDIS_TLS_CERT_FILE, REDIS_TLS_KEY_FILE: set both or neither",
		"REDIS_TLS_KEY_FILE=k":                                            "REDIS_TLS_CERT_FILE, REDIS_TLS_KEY_FILE: set both or neither",
		"REDIS_ADDRS=a:1 REDIS_SENTINEL_MASTER=m REDIS_DB=1":              "",
		"REDIS_HOST=a REDIS_DB=1":                                         "",
		"SHARE_REQUEST_RATES=true":                                        "SHARE_REQUEST_RATES: set MAX_REQUESTS_PER_SECOND too, there is no limit to share",
		"SHARE_REQUEST_RATES=1 MAX_REQUESTS_PER_SECOND=1":                 "",
	} {
		t.Run(environ, func(t *testing.T) {
			_, err := Load(strings.Fields(environ))
			if want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, want)
		})
	}
}

func TestAuthenticationIsNeededWhereAnybodyCanCome(t *testing.T) {
	const open = "AUTH_MODE: set it to tokens or jwt, or to none if everybody who reaches LISTEN_ADDR may read and write everything"
	for environ, want := range map[string]string{
		"LISTEN_ADDR=:8080":                                        open,
		"LISTEN_ADDR=0.0.0.0:1":                                    open,
		"LISTEN_ADDR=[::]:1":                                       open,
		"LISTEN_ADDR=10.0.0.1:1":                                   open,
		"LISTEN_ADDR=example.org:1":                                open,
		"LISTEN_ADDR=127.0.0.1:1":                                  "",
		"LISTEN_ADDR=localhost:1":                                  "",
		"LISTEN_ADDR=[::1]:1":                                      "",
		"LISTEN_ADDR=[::ffff:127.0.0.1]:1":                         "",
		"LISTEN_ADDR=:8080 AUTH_MODE=none":                         "",
		"AUTH_TOKENS_FILE=t":                                       "AUTH_MODE: set it to tokens or jwt, since",
		"AUTH_JWT_KEY_FILE=k":                                      "AUTH_MODE: set it to tokens or jwt, since",
		"AUTH_MODE=tokens":                                         "AUTH_TOKENS_FILE: name the file of the tokens",
		"AUTH_MODE=tokens AUTH_TOKENS_FILE=t":                      "",
		"AUTH_MODE=jwt":                                            "AUTH_JWT_SECRET, AUTH_JWT_KEY_FILE, AUTH_JWT_JWKS: set one of them",
		"AUTH_MODE=jwt AUTH_JWT_JWKS=b":                            "",
		"AUTH_MODE=jwt AUTH_JWT_JWKS=https://a/":                   "",
		"AUTH_MODE=jwt AUTH_JWT_JWKS=ftp://a":                      `AUTH_JWT_JWKS is "ftp://a": give it a path, or a URL`,
		"AUTH_MODE=jwt AUTH_JWT_SECRET=short":                      "AUTH_JWT_SECRET is ***: give it a secret of at least 32 bytes",
		"AUTH_MODE=jwt AUTH_JWT_KEY_FILE=a AUTH_JWT_JWKS=b":        "AUTH_JWT_SECRET, AUTH_JWT_KEY_FILE, AUTH_JWT_JWKS: set one of them",
		"AUTH_MODE=jwt AUTH_JWT_SECRET=" + strings.Repeat("s", 32): "",
	} {
		_, err := Load(strings.Fields(environ))
		if want == "" {
			require.NoError(t, err, environ)
			continue
		}
		require.ErrorContains(t, err, want, environ)
	}
}
