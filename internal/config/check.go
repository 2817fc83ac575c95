package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"
)

// prefixForm is what a key prefix may be. Braces would change the slots of a cluster; blanks and globs are a nuisance.
var prefixForm = regexp.MustCompile(`^[a-zA-Z0-9._:/-]{1,64}$`)

// check tells everything that is wrong with the values, one a line.
func (c Config) check() error {
	var wrong []error
	say := func(ok bool, name, want string) {
		if !ok {
			wrong = append(wrong, fmt.Errorf("%s: give it %s", name, want))
		}
	}
	for _, b := range c.bounds() {
		say(b.ok, b.name, b.want)
	}
	_, _, err := net.SplitHostPort(c.ListenAddr)
	say(err == nil, "LISTEN_ADDR", "host:port")
	say(slices.Contains([]string{"debug", "info", "warn", "error"}, c.LogLevel), "LOG_LEVEL", "debug, info, warn or error")
	say(slices.Contains([]string{"text", "json"}, c.LogFormat), "LOG_FORMAT", "text or json")
	say(slices.Contains([]string{"refuse", "trim"}, c.Limits.ThreadOverflow), "THREAD_OVERFLOW", "refuse or trim")
	say(prefixForm.MatchString(c.Redis.KeyPrefix), "REDIS_KEY_PREFIX", "1 to 64 of a-z A-Z 0-9 . _ - : /")
	return errors.Join(append(wrong, c.Redis.conflicts()...)...)
}

// bound is a number that must lie in a range.
type bound struct {
	name, want string
	ok         bool
}

func between[T cmp.Ordered](name string, n, low, high T) bound {
	return bound{name: name, want: fmt.Sprintf("%v to %v, not %v", low, high, n), ok: n >= low && n <= high}
}

func (c Config) bounds() []bound {
	const most = 16 << 20
	r, l := c.Redis, c.Limits
	return []bound{
		between("REDIS_PORT", r.Port, 1, 65535),
		between("REDIS_DB", r.DB, 0, 1<<20),
		between("REDIS_MAX_CONNECTIONS", r.MaxConnections, 1, 10_000),
		between("REDIS_CONNECT_TIMEOUT", r.ConnectTimeout, Duration(10*time.Millisecond), Duration(time.Minute)),
		between("REDIS_TIMEOUT", r.Timeout, Duration(10*time.Millisecond), Duration(time.Minute)),
		between("REDIS_TTL_SECONDS", r.TTLSeconds, 1, 365*24*60*60),
		between("CLEANUP_INTERVAL", r.SweepInterval, Duration(100*time.Millisecond), Duration(time.Hour)),
		between("SHUTDOWN_TIMEOUT", c.ShutdownTimeout, 0, Duration(time.Hour)),
		between("MAX_MESSAGE_BYTES", l.MaxMessageBytes, 1024, most),
		between("MAX_THREAD_MESSAGES", l.MaxThreadMessages, 1, 10_000_000),
		between("MAX_BATCH_MESSAGES", l.MaxBatchMessages, 1, 2000),
		between("MAX_CONTEXT_BYTES", l.MaxContextBytes, 1, most),
		between("MAX_METADATA_BYTES", l.MaxMetadataBytes, 2, most),
		between("MAX_PLAN_BYTES", l.MaxPlanBytes, 1, most),
		between("MAX_TOOL_CALLS_BYTES", l.MaxToolCallsBytes, 1, most),
		between("MAX_REQUEST_BYTES", l.MaxRequestBytes, 1024, 64<<20),
		between("MAX_QUERY_TOKENS", l.MaxQueryTokens, 100, 100_000),
	}
}

// conflicts tells which variables do not go together.
func (r Redis) conflicts() []error {
	var wrong []error
	var named []string
	for _, n := range []struct {
		name string
		set  bool
	}{{"REDIS_HOST", r.Host != ""}, {"REDIS_URL", r.URL != ""}, {"REDIS_ADDRS", len(r.Addrs) > 0}} {
		if n.set {
			named = append(named, n.name)
		}
	}
	if len(named) > 1 {
		wrong = append(wrong, fmt.Errorf("%s: set only one of them", strings.Join(named, ", ")))
	}
	if scheme, _, _ := strings.Cut(r.URL.Reveal(), "://"); r.URL != "" && !slices.Contains([]string{"redis", "rediss", "unix"}, scheme) {
		wrong = append(wrong, errors.New("REDIS_URL: give it a redis://, rediss:// or unix:// address"))
	}
	if r.SentinelMaster != "" && len(r.Addrs) == 0 {
		wrong = append(wrong, errors.New("REDIS_SENTINEL_MASTER: give the sentinels in REDIS_ADDRS"))
	}
	if r.DB != 0 && len(r.Addrs) > 0 && r.SentinelMaster == "" {
		wrong = append(wrong, errors.New("REDIS_DB: leave it 0, a cluster has no other database"))
	}
	for _, addr := range r.Addrs {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			wrong = append(wrong, fmt.Errorf("REDIS_ADDRS: give %q as host:port", addr))
		}
	}
	if (r.TLS.CertFile == "") != (r.TLS.KeyFile == "") {
		wrong = append(wrong, errors.New("REDIS_TLS_CERT_FILE, REDIS_TLS_KEY_FILE: set both or neither"))
	}
	return wrong
}
