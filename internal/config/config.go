// Package config reads the environment into one struct, and checks it. It is the only place that knows the names of variables.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Config is what the environment says. Load gives one that is checked.
type Config struct {
	Redis        Redis
	Replica      Replica
	Autopipeline Autopipeline
	Layout       Layout
	Limits       Limits
	// Documents are the trusted and persisted ones.
	Documents Documents
	Auth      Auth
	Browsers  Browsers
	// REST says whether the endpoints of the service that this one replaces are served.
	REST REST
	// Edge bounds what one caller may ask for.
	Edge Edge
	// Data are the threads of the replaced service, and the file of the embedded Redis.
	Data Data
	// Warnings are for the log: variables that look mistyped, those that have no effect, and what is less safe than it looks.
	Warnings []string

	ListenAddr            string   `env:"LISTEN_ADDR" envDefault:"127.0.0.1:8080" help:"host:port to serve on; port 0 takes a free one" group:"Server"`
	LogLevel              string   `env:"LOG_LEVEL" envDefault:"info" help:"debug, info, warn or error"`
	LogFormat             string   `env:"LOG_FORMAT" envDefault:"text" help:"text or json"`
	Environment           string   `env:"ENVIRONMENT" envDefault:"development" help:"the name of the environment, as health tells it; production hides schema and pages"`
	SlowClientTimeout     Duration `env:"SLOW_CLIENT_TIMEOUT" envDefault:"1m" help:"how long a listener may take nothing of what there is for it; 1s to 1h"`
	DeliveryCheckInterval Duration `env:"DELIVERY_CHECK_INTERVAL" envDefault:"30s" help:"how often listeners' positions are compared with Redis, in case an announcement was lost; 1s to 1h"`
	DrainDelay            Duration `env:"DRAIN_DELAY" envDefault:"0" help:"how long to serve on after SIGTERM while /readyz says 503; 5s on Kubernetes; 0 to 5m"`
	ShutdownTimeout       Duration `env:"SHUTDOWN_TIMEOUT" envDefault:"15s" help:"how long requests may finish after SIGTERM; 0 to 1h"`
}

// Redis says where Redis is, and how its keys begin.
type Redis struct {
	Host     string   `env:"REDIS_HOST" help:"host of one Redis server; without a host, URL or ADDRS an in-memory Redis runs inside" group:"Redis"`
	Port     int      `env:"REDIS_PORT" envDefault:"6379" help:"its port"`
	URL      Secret   `env:"REDIS_URL" help:"redis://, rediss:// or unix:// in place of REDIS_HOST, with credentials and database"`
	Addrs    []string `env:"REDIS_ADDRS" help:"host:port,… of a cluster, or of the sentinels with REDIS_SENTINEL_MASTER"`
	Username string   `env:"REDIS_USERNAME" help:"ACL user"`
	Password Secret   `env:"REDIS_PASSWORD" help:"password"`
	DB       int      `env:"REDIS_DB" envDefault:"0" help:"number of the database; 0 on a cluster"`

	SentinelMaster   string `env:"REDIS_SENTINEL_MASTER" help:"name of the master that the sentinels watch"`
	SentinelUsername string `env:"REDIS_SENTINEL_USERNAME" help:"ACL user of the sentinels"`
	SentinelPassword Secret `env:"REDIS_SENTINEL_PASSWORD" help:"password of the sentinels"`

	TLS TLS

	MaxConnections int      `env:"REDIS_MAX_CONNECTIONS" envDefault:"64" help:"connections in the pool (of each cluster node); 1 to 10000"`
	ConnectTimeout Duration `env:"REDIS_CONNECT_TIMEOUT" envDefault:"5s" help:"how long dialling may take; 10ms to 1m"`
	Timeout        Duration `env:"REDIS_TIMEOUT" envDefault:"5s" help:"how long a command may take; 10ms to 1m"`

	WaitReplicas int      `env:"REDIS_WAIT_REPLICAS" envDefault:"0" help:"replicas that must have a write before it is acknowledged; 0 to 10"`
	WaitTimeout  Duration `env:"REDIS_WAIT_TIMEOUT" envDefault:"1s" help:"how long that may take, else UNAVAILABLE; 10ms to 1m"`

	KeyPrefix     string   `env:"REDIS_KEY_PREFIX" envDefault:"thread" help:"what every key begins with; 1 to 64 characters of ASCII, no blanks or braces"`
	TTLSeconds    int      `env:"REDIS_TTL_SECONDS" envDefault:"2592000" help:"TTL of a thread that is created without one; 1 to 31536000"`
	SweepInterval Duration `env:"CLEANUP_INTERVAL" envDefault:"1s" help:"how often the indexes are cleared of expired threads; 100ms to 1h"`
}

// TLS says how the connection to Redis is secured.
type TLS struct {
	Enabled            bool   `env:"REDIS_TLS_ENABLED" envDefault:"false" help:"speak TLS to Redis (implied by rediss:// and by the files)"`
	CAFile             string `env:"REDIS_TLS_CA_FILE" help:"PEM file of the authorities to trust; the system's without it"`
	CertFile           string `env:"REDIS_TLS_CERT_FILE" help:"PEM file of the client's certificate"`
	KeyFile            string `env:"REDIS_TLS_KEY_FILE" help:"PEM file of its key"`
	ServerName         string `env:"REDIS_TLS_SERVER_NAME" help:"name that the server's certificate must have, if not its host"`
	InsecureSkipVerify bool   `env:"REDIS_TLS_INSECURE_SKIP_VERIFY" envDefault:"false" help:"trust any certificate; for tests only"`
}

// asked tells whether anything of TLS is set.
func (t TLS) asked() bool { return t != TLS{} }

// Limits are the bounds of what clients may send and keep.
type Limits struct {
	MaxMessageBytes   int    `env:"MAX_MESSAGE_BYTES" envDefault:"262144" help:"bytes of a message; 1024 to 16777216" group:"Limits"`
	MaxThreadMessages int    `env:"MAX_THREAD_MESSAGES" envDefault:"100000" help:"messages of a thread; 1 to 10000000"`
	ThreadOverflow    string `env:"THREAD_OVERFLOW" envDefault:"refuse" help:"beyond that: refuse, or trim the oldest messages"`
	MaxBatchMessages  int    `env:"MAX_BATCH_MESSAGES" envDefault:"500" help:"messages of one mutation; 1 to 2000"`
	MaxContextBytes   int    `env:"MAX_CONTEXT_BYTES" envDefault:"262144" help:"bytes of a thread's context; 1 to 16777216"`
	MaxMetadataBytes  int    `env:"MAX_METADATA_BYTES" envDefault:"65536" help:"bytes of a thread's metadata; 2 to 16777216"`
	MaxPlanBytes      int    `env:"MAX_PLAN_BYTES" envDefault:"262144" help:"bytes of all plans of a thread; 1 to 16777216"`
	MaxToolCallsBytes int    `env:"MAX_TOOL_CALLS_BYTES" envDefault:"1048576" help:"bytes of all tool runs of a thread; 1 to 16777216"`
	MaxRequestBytes   int64  `env:"MAX_REQUEST_BYTES" envDefault:"2097152" help:"bytes of a request; 1024 to 67108864"`
	MaxQueryTokens    int    `env:"MAX_QUERY_TOKENS" envDefault:"2000" help:"tokens of a GraphQL document; 100 to 100000"`
}

// Load reads a configuration from an environment, as os.Environ gives it. A variable that is set to nothing counts as not set.
// Where no Redis is named although something about one is set, or a name is set to nothing, Warnings say so. The error has a line for each variable that is wrong: its value, unless that may hold a password, and what is allowed.
func Load(environ []string) (Config, error) {
	values := make(map[string]string, len(environ))
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok && value != "" {
			values[name] = value
		}
	}
	var c Config
	unreadable, err := unread(env.ParseWithOptions(&c, env.Options{Environment: values, FuncMap: parsers}))
	if err != nil {
		return Config{}, err
	}
	for i, addr := range c.Redis.Addrs {
		c.Redis.Addrs[i] = strings.TrimSpace(addr) // a list is often written with a blank after the comma
	}
	for i, origin := range c.Browsers.AllowedOrigins {
		c.Browsers.AllowedOrigins[i] = strings.TrimSpace(origin)
	}
	if err := c.check(values, unreadable); err != nil {
		return Config{}, err
	}
	if c.Warnings = typos(values); c.Embedded() {
		c.Warnings = append(c.Warnings, nameless(environ)...)
	}
	c.Warnings = append(c.Warnings, c.Auth.warnings()...)
	c.Warnings = append(c.Warnings, c.Data.warnings(c.Auth.asks())...)
	if !c.Auth.asks() && !isLoopback(c.ListenAddr) {
		c.Warnings = append(c.Warnings, "AUTH_MODE is none: everybody who reaches this address may read and write everything")
	}
	return c, nil
}

// parsers read the types that env does not know, or reads otherwise.
var parsers = map[reflect.Type]env.ParserFunc{
	reflect.TypeFor[Duration](): func(text string) (any, error) { return parseDuration(text) },
	reflect.TypeFor[Secret]():   func(text string) (any, error) { return Secret(text), nil },
}

// unread gives the names of the variables that env could not turn into their types. Errors of another kind are mistakes in the
// tags of this package.
func unread(err error) (map[string]bool, error) {
	if err == nil {
		return nil, nil //nolint:nilnil // everything was read: a nil map names none
	}
	var all env.AggregateError
	if !errors.As(err, &all) {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	names := make(map[string]bool)
	for _, one := range all.Errors {
		var parse env.ParseError
		if !errors.As(one, &parse) {
			return nil, fmt.Errorf("configuration: %w", one)
		}
		for _, v := range Describe() {
			if v.field == parse.Name { // a test sees that no two fields share a name
				names[v.Name] = true
			}
		}
	}
	return names, nil
}

// Embedded tells whether no Redis is named, so that the server runs its own in memory.
func (c Config) Embedded() bool {
	return c.Redis.Host == "" && c.Redis.URL == "" && len(c.Redis.Addrs) == 0
}

// SlogLevel gives LogLevel as log/slog has it.
func (c Config) SlogLevel() slog.Level {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // checked by Load
	return level
}
