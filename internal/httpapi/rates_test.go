package httpapi

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCallerByAddress(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, c := range map[string]struct {
		remote    string
		forwarded []string
		want      string
	}{
		"an address":                        {"192.0.2.1:1234", nil, "192.0.2.1"},
		"an address as IPv6":                {"[::ffff:192.0.2.1]:1234", nil, "192.0.2.1"},
		"an IPv6 network":                   {"[2001:db8:1:2:3:4:5:6]:1234", nil, "2001:db8:1:2::/64"},
		"with a zone":                       {"[fe80::1%eth0]:1234", nil, "fe80::/64"},
		"a Unix socket":                     {"@", nil, "@"},
		"a header that is not believed":     {"192.0.2.1:1234", []string{"203.0.113.9"}, "192.0.2.1"},
		"behind a proxy":                    {"10.1.1.1:1234", []string{"203.0.113.9"}, "203.0.113.9"},
		"behind an IPv6 proxy":              {"[fd00::1]:1234", []string{"2001:db8:1:2::9"}, "2001:db8:1:2::/64"},
		"behind two proxies":                {"10.1.1.1:1234", []string{"203.0.113.9, 10.2.2.2"}, "203.0.113.9"},
		"in two headers":                    {"10.1.1.1:1234", []string{"203.0.113.9", "10.2.2.2"}, "203.0.113.9"},
		"what the client has made up":       {"10.1.1.1:1234", []string{"198.51.100.1, 203.0.113.9,10.2.2.2"}, "203.0.113.9"},
		"what the client says of a proxy":   {"10.1.1.1:1234", []string{"10.9.9.9, 203.0.113.9"}, "203.0.113.9"},
		"with ports":                        {"10.1.1.1:1234", []string{"203.0.113.9:99, [fd00::2]:98"}, "203.0.113.9"},
		"an IPv6 address in brackets":       {"10.1.1.1:1234", []string{"[2001:db8::1]"}, "2001:db8::/64"},
		"a proxy alone":                     {"10.1.1.1:1234", nil, "10.1.1.1"},
		"proxies alone":                     {"10.1.1.1:1234", []string{"10.3.3.3, 10.2.2.2"}, "10.3.3.3"},
		"what is no address":                {"10.1.1.1:1234", []string{"203.0.113.9, unknown, 10.2.2.2"}, "10.2.2.2"},
		"an empty header":                   {"10.1.1.1:1234", []string{""}, "10.1.1.1"},
		"an address behind an empty header": {"10.1.1.1:1234", []string{"203.0.113.9", ""}, "10.1.1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: c.remote, Header: http.Header{"X-Forwarded-For": c.forwarded}}
			assert.Equal(t, c.want, CallerByAddress(proxies)(r))
		})
	}
}

func TestRates(t *testing.T) {
	q := newRates(10, 3, nil)
	now := time.Unix(1000, 0)
	for range 3 {
		require.Nil(t, q.take(t.Context(), "a", now))
	}
	refused := q.take(t.Context(), "a", now)
	require.NotNil(t, refused)
	assert.Equal(t, http.StatusTooManyRequests, refused.status)
	assert.Equal(t, "1", refused.header.Get("Retry-After"))
	assert.Equal(t, "Send at most 10 requests per second, and the next one in 1 s.", refused.message)
	assert.Equal(t, map[string]any{"limit": 10, "actual": 11, "retryAfterSeconds": 1}, refused.extensions)
	assert.Nil(t, q.take(t.Context(), "b", now), "another caller has a rate of its own")
	now = now.Add(100 * time.Millisecond)
	assert.Nil(t, q.take(t.Context(), "a", now), "those that were refused do not count")
	assert.NotNil(t, q.take(t.Context(), "a", now))

	assert.Nil(t, newRates(0, 5, nil).take(t.Context(), "a", now), "no limit")
	q = newRates(5, 0, nil)
	for range 10 {
		require.Nil(t, q.take(t.Context(), "a", now), "a burst of two seconds")
	}
	assert.NotNil(t, q.take(t.Context(), "a", now))
}

func TestRatesForgetWhoWasNotHeardOf(t *testing.T) {
	q := newRates(1, 1, nil)
	now := time.Unix(1000, 0)
	for i := range maxCallers + 100 {
		require.Nil(t, q.take(t.Context(), fmt.Sprint(i), now))
	}
	assert.Equal(t, maxCallers, q.callers.Len())
	assert.NotNil(t, q.take(t.Context(), fmt.Sprint(maxCallers), now), "one of the last is known")
	assert.Nil(t, q.take(t.Context(), "0", now), "the first is forgotten")
}

func TestConnectionsAreCounted(t *testing.T) {
	c := newConnections(3, 2)
	a1, refused := c.take("a")
	require.Nil(t, refused)
	_, refused = c.take("a")
	require.Nil(t, refused)
	_, refused = c.take("a")
	require.NotNil(t, refused)
	assert.Equal(t, http.StatusTooManyRequests, refused.status)
	assert.Equal(t, map[string]any{"limit": 2, "actual": 3, "retryAfterSeconds": 10}, refused.extensions)
	b, refused := c.take("b")
	require.Nil(t, refused)
	_, refused = c.take("b")
	require.NotNil(t, refused)
	assert.Equal(t, http.StatusServiceUnavailable, refused.status)
	assert.Equal(t, codeLimitExceeded, refused.code)
	assert.Equal(t, 3, refused.extensions["limit"])
	a1()
	_, refused = c.take("a")
	require.Nil(t, refused)
	b()
	assert.NotContains(t, c.ofCaller, "b", "nothing is left of who has none")
}

func TestPace(t *testing.T) {
	assert.Zero(t, doors{}.newPace(10).delay(1<<30), "no limit")
	p := doors{bytesPerSecond: 1000}.newPace(5000)
	assert.Zero(t, p.delay(5000), "the largest message passes at once")
	assert.Greater(t, p.delay(5000), 5*time.Second)
	ping := doors{bytesPerSecond: 1000}.newPace(100)
	for range 3 {
		require.Zero(t, ping.delay(1))
	}
	assert.Positive(t, ping.delay(1), "small messages count too")
}
