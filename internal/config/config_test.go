package config

import (
	"slices"
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
	assert.Equal(t, Config{
		ListenAddr: "127.0.0.1:8080", LogLevel: "info", LogFormat: "text", Environment: "development",
		SlowClientTimeout: Duration(time.Minute), DeliveryCheckInterval: Duration(30 * time.Second),
		ShutdownTimeout: Duration(15 * time.Second),
		Redis: Redis{
			Port: 6379, MaxConnections: 64, ConnectTimeout: Duration(5 * time.Second), Timeout: Duration(5 * time.Second),
			WaitTimeout: Duration(time.Second), KeyPrefix: "thread", TTLSeconds: 2_592_000, SweepInterval: Duration(time.Second),
		},
		Layout:       Layout{Buckets: 16},
		REST:         REST{Endpoints: "on"},
		Autopipeline: Autopipeline{Writes: "off"},
		Limits: Limits{
			MaxMessageBytes: 256 << 10, MaxThreadMessages: 100_000, ThreadOverflow: "refuse", MaxBatchMessages: 500,
			MaxContextBytes: 256 << 10, MaxMetadataBytes: 64 << 10, MaxPlanBytes: 256 << 10, MaxToolCallsBytes: 1 << 20,
			MaxRequestBytes: 2 << 20, MaxQueryTokens: 2000,
		},
		Documents: Documents{Trusted: "allow", PersistedTTL: Duration(24 * time.Hour)},
		Auth:      Auth{JWTLeeway: Duration(30 * time.Second), JWTOwnerClaim: "sub", JWTScopesClaim: "scope"},
		Edge: Edge{
			MaxDepth: 20, MaxAliases: 50, MaxRootFields: 20, MaxDirectives: 50, MaxFields: 500, MaxRepeats: 100, MaxOperations: 20,
			MaxNameBytes: 60, MaxComplexity: 10_000, MaxStreams: 20_000, MaxCallerStreams: 5000, MaxConnectionOperations: 1000,
			MaxConnectionBytesSecond: 8 << 20, OperationTimeout: Duration(30 * time.Second), RequestBodyTimeout: Duration(30 * time.Second),
		},
	}, c)
}

func TestEveryVariableIsRead(t *testing.T) {
	c, err := Load([]string{
		"LISTEN_ADDR=:0", "LOG_LEVEL=warn", "LOG_FORMAT=json", "ENVIRONMENT=production", "SHUTDOWN_TIMEOUT=0",
		"DRAIN_DELAY=5s", "SLOW_CLIENT_TIMEOUT=2m", "DELIVERY_CHECK_INTERVAL=3s", "REDIS_WAIT_REPLICAS=2", "REDIS_WAIT_TIMEOUT=3s",
		"REDIS_ADDRS=a:1, b:2", "REDIS_USERNAME=u", "REDIS_PASSWORD=p", "REDIS_DB=3", "REDIS_PORT=1",
		"REDIS_SENTINEL_MASTER=m", "REDIS_SENTINEL_USERNAME=su", "REDIS_SENTINEL_PASSWORD=sp",
		"REDIS_TLS_ENABLED=true", "REDIS_TLS_CA_FILE=ca", "REDIS_TLS_CERT_FILE=cert", "REDIS_TLS_KEY_FILE=key",
		"REDIS_TLS_SERVER_NAME=name", "REDIS_TLS_INSECURE_SKIP_VERIFY=1",
		"REDIS_MAX_CONNECTIONS=2", "REDIS_CONNECT_TIMEOUT=500ms", "REDIS_TIMEOUT=2.5", "REDIS_KEY_PREFIX=p", "REDIS_TTL_SECONDS=4",
		"CLEANUP_INTERVAL=1m", "REDIS_BUCKETS=64", "MAX_MESSAGE_BYTES=1025", "MAX_THREAD_MESSAGES=6", "THREAD_OVERFLOW=trim", "MAX_BATCH_MESSAGES=7",
		"MAX_CONTEXT_BYTES=8", "MAX_METADATA_BYTES=9", "MAX_PLAN_BYTES=10", "MAX_TOOL_CALLS_BYTES=11", "MAX_REQUEST_BYTES=1026",
		"AUTH_MODE=jwt", "AUTH_TOKENS_FILE=tokens", "AUTH_JWT_JWKS=keys.json", "AUTH_JWT_ISSUER=i", "AUTH_JWT_AUDIENCE=a",
		"AUTH_JWT_LEEWAY=1m", "AUTH_JWT_OWNER_CLAIM=o", "AUTH_JWT_SCOPES_CLAIM=s",
		"MAX_QUERY_TOKENS=101", "TRUSTED_DOCUMENTS_FILE=manifest.json", "TRUSTED_DOCUMENTS=only", "PERSISTED_QUERY_TTL=2h",
		"MAX_QUERY_DEPTH=2", "MAX_QUERY_ALIASES=3", "MAX_QUERY_ROOT_FIELDS=4", "MAX_QUERY_DIRECTIVES=5", "MAX_QUERY_FIELDS=6",
		"MAX_QUERY_REPEATS=7", "MAX_QUERY_OPERATIONS=8", "MAX_QUERY_NAME_BYTES=39", "MAX_QUERY_COMPLEXITY=109",
		"MAX_REQUESTS_PER_SECOND=10", "MAX_REQUEST_BURST=11", "MAX_CONNECTIONS=12", "MAX_CONNECTIONS_PER_CALLER=13",
		"MAX_CONNECTION_OPERATIONS=14", "MAX_CONNECTION_BYTES_PER_SECOND=1500", "OPERATION_TIMEOUT=16", "REQUEST_BODY_TIMEOUT=17",
		"TRUSTED_PROXIES=10.0.0.0/8, ::1", "REST_ENDPOINTS=off", "REDIS_AUTOPIPELINE=on",
	})
	require.NoError(t, err)
	assert.Equal(t, Config{
		ListenAddr: ":0", LogLevel: "warn", LogFormat: "json", Environment: "production", DrainDelay: Duration(5 * time.Second),
		SlowClientTimeout: Duration(2 * time.Minute), DeliveryCheckInterval: Duration(3 * time.Second),
		Redis: Redis{
			Port: 1, Addrs: []string{"a:1", "b:2"}, Username: "u", Password: "p", DB: 3,
			SentinelMaster: "m", SentinelUsername: "su", SentinelPassword: "sp",
			TLS: TLS{
				Enabled: true, CAFile: "ca", CertFile: "cert", KeyFile: "key", ServerName: "name", InsecureSkipVerify: true,
			},
			MaxConnections: 2, ConnectTimeout: Duration(500 * time.Millisecond), Timeout: Duration(2500 * time.Millisecond),
			WaitReplicas: 2, WaitTimeout: Duration(3 * time.Second), KeyPrefix: "p", TTLSeconds: 4, SweepInterval: Duration(time.Minute),
		},
		Layout:       Layout{Buckets: 64},
		REST:         REST{Endpoints: "off"},
		Autopipeline: Autopipeline{Writes: "on"},
		Limits: Limits{
			MaxMessageBytes: 1025, MaxThreadMessages: 6, ThreadOverflow: "trim", MaxBatchMessages: 7, MaxContextBytes: 8,
			MaxMetadataBytes: 9, MaxPlanBytes: 10, MaxToolCallsBytes: 11, MaxRequestBytes: 1026, MaxQueryTokens: 101,
		},
		Documents: Documents{TrustedFile: "manifest.json", Trusted: "only", PersistedTTL: Duration(2 * time.Hour)},
		Auth: Auth{
			Mode: "jwt", TokensFile: "tokens", JWTKeys: "keys.json", JWTIssuer: "i", JWTAudience: "a", JWTLeeway: Duration(time.Minute),
			JWTOwnerClaim: "o", JWTScopesClaim: "s",
		},
		Edge: Edge{
			MaxDepth: 2, MaxAliases: 3, MaxRootFields: 4, MaxDirectives: 5, MaxFields: 6, MaxRepeats: 7, MaxOperations: 8,
			MaxNameBytes: 39, MaxComplexity: 109, RequestRate: 10, RequestBurst: 11, MaxStreams: 12, MaxCallerStreams: 13,
			MaxConnectionOperations: 14, MaxConnectionBytesSecond: 1500, OperationTimeout: Duration(16 * time.Second),
			RequestBodyTimeout: Duration(17 * time.Second), TrustedProxies: []string{"10.0.0.0/8", " ::1"},
		},
	}, c)
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

// The process environment is nobody's business here: two Loads in one process give what each was given.
func TestLoadReadsNoOtherEnvironment(t *testing.T) {
	t.Setenv("REDIS_HOST", "elsewhere")
	t.Setenv("LOG_LEVEL", "debug")
	c, err := Load(nil)
	require.NoError(t, err)
	assert.True(t, c.Embedded())
	assert.Equal(t, "info", c.LogLevel)
}

func TestMistypedNamesAreWarnedOf(t *testing.T) {
	c, err := Load([]string{
		"REDIS_HOTS=a", "REDIS_EXPORTER_PORT=2", "MAX_MESSAGES_BYTES=3", "PATH=x", "REDIS_TLS_KE_FILE=4",
		"REDIS_PORT_6379_TCP=5", "REDIS_PASWORD=", "ENVIRONMENTS=6", "LISTEN_ADR=7", "REDIS_URLS=8", "MAX_QUERY_TOKENS_=9",
		"REDIS_HOST123=10", "MAX_PLAN=11", "SLOW_CLIENT_TIMOUT=1", "THREAD_OVERFLW=trim", // more than two characters away
	})
	require.NoError(t, err)
	assert.Equal(t, []string{
		"LISTEN_ADR is not a variable of this server; did you mean LISTEN_ADDR?",
		"MAX_MESSAGES_BYTES is not a variable of this server; did you mean MAX_MESSAGE_BYTES?",
		"MAX_QUERY_TOKENS_ is not a variable of this server; did you mean MAX_QUERY_TOKENS?",
		"REDIS_HOTS is not a variable of this server; did you mean REDIS_HOST?",
		"REDIS_TLS_KE_FILE is not a variable of this server; did you mean REDIS_TLS_KEY_FILE?", // REDIS_TLS_CA_FILE is further away
		"REDIS_URLS is not a variable of this server; did you mean REDIS_URL?",
		"SLOW_CLIENT_TIMOUT is not a variable of this server; did you mean SLOW_CLIENT_TIMEOUT?",
		"THREAD_OVERFLW is not a variable of this server; did you mean THREAD_OVERFLOW?",
	}, c.Warnings)
}

// A server that keeps everything in memory says so where the environment looks as if a Redis was meant.
func TestARedisThatIsNotNamedIsWarnedOf(t *testing.T) {
	c, err := Load([]string{"REDIS_HOST=", "REDIS_URL=", "REDIS_PASSWORD=x", "REDIS_PORT=6380", "REDIS_TLS_CA_FILE=", "REDIS_KEY_PREFIX=p"})
	require.NoError(t, err)
	assert.True(t, c.Embedded())
	assert.Equal(t, []string{
		"REDIS_HOST is set to nothing, which names no Redis: give it a value, or leave it out",
		"REDIS_PASSWORD has no effect: it takes a REDIS_HOST, REDIS_URL or REDIS_ADDRS to name the Redis that it is about",
		"REDIS_PORT has no effect: it takes a REDIS_HOST, REDIS_URL or REDIS_ADDRS to name the Redis that it is about",
		"REDIS_URL is set to nothing, which names no Redis: give it a value, or leave it out",
	}, c.Warnings)
	c, err = Load([]string{"REDIS_HOST=a", "REDIS_URL=", "REDIS_PASSWORD=x"})
	require.NoError(t, err)
	assert.Empty(t, c.Warnings)
	for _, name := range needingRedis {
		assert.True(t, slices.ContainsFunc(Describe(), func(v Variable) bool { return v.Name == name }), name)
	}
}

func TestEveryProblemIsALine(t *testing.T) {
	_, err := Load([]string{
		"REDIS_PORT=x", "REDIS_TIMEOUT=soon", "REDIS_TLS_ENABLED=perhaps", "LOG_LEVEL=loud\nand clear", "MAX_QUERY_TOKENS=1",
		"REDIS_HOST=a", "REDIS_ADDRS=b:1", "REDIS_DB=1",
	})
	require.Error(t, err)
	assert.Equal(t, []string{
		`LOG_LEVEL is "loud\nand clear": give it debug, info, warn or error`,
		`REDIS_PORT is "x": give it 1 to 65535`,
		`REDIS_TLS_ENABLED is "perhaps": give it true or false`,
		`REDIS_TIMEOUT is "soon": give it 10ms to 1m`,
		`MAX_QUERY_TOKENS is "1": give it 100 to 100000`,
		`REDIS_HOST, REDIS_ADDRS: set only one of them`,
		`REDIS_DB: leave it 0, a cluster has no other database`,
	}, strings.Split(err.Error(), "\n"))
}
