package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// prefixForm is what a key prefix may be: printable ASCII without braces, which would change the slots of a cluster. The store puts
// the prefix into no pattern, so that * and ? have no meaning in it.
var prefixForm = regexp.MustCompile(`^[!-z|~]{1,64}$`)

// rule is what the value of one variable must be.
type rule struct {
	name, want string
	ok         bool
}

func between[T cmp.Ordered](name string, n, low, high T) rule {
	return rule{name: name, want: fmt.Sprintf("%v to %v", low, high), ok: n >= low && n <= high}
}

func oneOf(name, value string, allowed ...string) rule {
	last := len(allowed) - 1
	return rule{
		name: name, want: strings.Join(allowed[:last], ", ") + " or " + allowed[last], ok: slices.Contains(allowed, value),
	}
}

// check tells everything that is wrong, one a line: each value by its rule, in the order of help, then what does not go together.
// The variables that could not be read are told with the others.
func (c Config) check(values map[string]string, unreadable map[string]bool) error {
	var wrong []error
	for _, r := range slices.Concat(c.rules(), c.Replica.rules(), c.Autopipeline.rules(), c.Layout.rules(), c.Documents.rules(), c.Auth.rules(), c.Browsers.rules(), c.Data.rules(), c.REST.rules()) {
		if !r.ok || unreadable[r.name] {
			wrong = append(wrong, fmt.Errorf("%s is %s: give it %s", r.name, shown(r.name, values[r.name]), r.want))
		}
	}
	return errors.Join(slices.Concat(wrong, c.Redis.conflicts(), c.Replica.conflicts(c.Redis), c.Documents.conflicts(), c.Edge.conflicts(), c.Auth.conflicts(c.ListenAddr),
		c.Data.conflicts(c.Embedded()))...)
}

// shown is a value as an error may tell it: nothing of a Secret, nor of what may be a URL with a password in the wrong variable.
func shown(name, value string) string {
	const enough = 80
	secret := slices.ContainsFunc(Describe(), func(v Variable) bool { return v.Name == name && v.secret })
	if secret || strings.ContainsAny(value, "@?") {
		return hidden
	}
	if len(value) > enough {
		return strconv.Quote(value[:enough]) + "…"
	}
	return strconv.Quote(value)
}

func (c Config) rules() []rule {
	const most = 16 << 20
	r, l := c.Redis, c.Limits
	return append([]rule{
		{"LISTEN_ADDR", "host:port", isAddr(c.ListenAddr, 0)},
		oneOf("LOG_LEVEL", c.LogLevel, "debug", "info", "warn", "error"),
		oneOf("LOG_FORMAT", c.LogFormat, "text", "json"),
		between("SLOW_CLIENT_TIMEOUT", c.SlowClientTimeout, Duration(time.Second), Duration(time.Hour)),
		between("DELIVERY_CHECK_INTERVAL", c.DeliveryCheckInterval, Duration(time.Second), Duration(time.Hour)),
		between("DRAIN_DELAY", c.DrainDelay, 0, Duration(5*time.Minute)),
		between("SHUTDOWN_TIMEOUT", c.ShutdownTimeout, 0, Duration(time.Hour)),
		{"REDIS_HOST", "a host or an address alone; the port goes into REDIS_PORT, a URL into REDIS_URL", isHost(r.Host)},
		between("REDIS_PORT", r.Port, 1, 65535),
		{"REDIS_URL", "an address that begins with redis://, rediss:// or unix://", r.URL == "" || hasScheme(r.URL.Reveal())},
		{"REDIS_ADDRS", "host:port,host:port,…", !slices.ContainsFunc(r.Addrs, func(addr string) bool { return !isAddr(addr, 1) })},
		between("REDIS_DB", r.DB, 0, 1<<20),
		oneOf("REDIS_TLS_ENABLED", strconv.FormatBool(r.TLS.Enabled), "true", "false"),
		oneOf("REDIS_TLS_INSECURE_SKIP_VERIFY", strconv.FormatBool(r.TLS.InsecureSkipVerify), "true", "false"),
		between("REDIS_MAX_CONNECTIONS", r.MaxConnections, 1, 10_000),
		between("REDIS_CONNECT_TIMEOUT", r.ConnectTimeout, Duration(10*time.Millisecond), Duration(time.Minute)),
		between("REDIS_TIMEOUT", r.Timeout, Duration(10*time.Millisecond), Duration(time.Minute)),
		between("REDIS_WAIT_REPLICAS", r.WaitReplicas, 0, 10),
		between("REDIS_WAIT_TIMEOUT", r.WaitTimeout, Duration(10*time.Millisecond), Duration(time.Minute)),
		{"REDIS_KEY_PREFIX", "1 to 64 characters of ASCII, no blanks or braces", prefixForm.MatchString(r.KeyPrefix)},
		between("REDIS_TTL_SECONDS", r.TTLSeconds, 1, 365*24*60*60),
		between("CLEANUP_INTERVAL", r.SweepInterval, Duration(100*time.Millisecond), Duration(time.Hour)),
		between("MAX_MESSAGE_BYTES", l.MaxMessageBytes, 1024, most),
		between("MAX_THREAD_MESSAGES", l.MaxThreadMessages, 1, 10_000_000),
		oneOf("THREAD_OVERFLOW", l.ThreadOverflow, "refuse", "trim"),
		between("MAX_BATCH_MESSAGES", l.MaxBatchMessages, 1, 2000),
		between("MAX_CONTEXT_BYTES", l.MaxContextBytes, 1, most),
		between("MAX_METADATA_BYTES", l.MaxMetadataBytes, 2, most),
		between("MAX_PLAN_BYTES", l.MaxPlanBytes, 1, most),
		between("MAX_TOOL_CALLS_BYTES", l.MaxToolCallsBytes, 1, most),
		between("MAX_REQUEST_BYTES", l.MaxRequestBytes, 1024, 64<<20),
		between("MAX_QUERY_TOKENS", l.MaxQueryTokens, 100, 100_000),
	}, c.Edge.rules()...)
}

// isHost tells whether a port can be joined to it: redis:6379, http://redis, [::1], the path of a socket, a list and what ends in
// a newline, as a file may, are no hosts.
func isHost(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil || !strings.ContainsFunc(text, func(r rune) bool {
		return strings.ContainsRune(":/@[],", r) || unicode.IsSpace(r) || unicode.IsControl(r)
	})
}

// isAddr tells whether it is host:port, with a port from lowest on; with a lowest of 0 the host may be left out.
func isAddr(text string, lowest int) bool {
	host, port, err := net.SplitHostPort(text)
	n, numeric := strconv.Atoi(port)
	return err == nil && numeric == nil && n >= lowest && n <= 65535 && isHost(host) && (host != "" || lowest == 0)
}

func hasScheme(url string) bool {
	scheme, _, ok := strings.Cut(url, "://")
	return ok && slices.Contains([]string{"redis", "rediss", "unix"}, scheme)
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
	if r.SentinelMaster != "" && len(r.Addrs) == 0 {
		wrong = append(wrong, errors.New("REDIS_SENTINEL_MASTER: give the sentinels in REDIS_ADDRS"))
	}
	if r.DB != 0 && len(r.Addrs) > 0 && r.SentinelMaster == "" {
		wrong = append(wrong, errors.New("REDIS_DB: leave it 0, a cluster has no other database"))
	}
	if r.TLS.asked() && strings.HasPrefix(r.URL.Reveal(), "unix://") {
		wrong = append(wrong, errors.New("REDIS_TLS_*: leave them out, Redis speaks no TLS on a unix socket"))
	}
	if (r.TLS.CertFile == "") != (r.TLS.KeyFile == "") {
		wrong = append(wrong, errors.New("REDIS_TLS_CERT_FILE, REDIS_TLS_KEY_FILE: set both or neither"))
	}
	return wrong
}
