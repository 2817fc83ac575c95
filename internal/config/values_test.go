package config

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5": 5 * time.Second, "2.5": 2500 * time.Millisecond, "500ms": 500 * time.Millisecond, "1m": time.Minute,
		"1.001": 1001 * time.Millisecond, // 1.000999999s by way of a float64
		"0":     0, ".5": 500 * time.Millisecond, "1h30m": 90 * time.Minute,
	} {
		d, err := parseDuration(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, time.Duration(d), text)
	}
	for _, text := range []string{"", "-1", "-1ns", "soon", "5 s", "5d", "1e3", "NaN", "Inf", "0x1p-2", "5h5", "9223372037"} {
		_, err := parseDuration(text)
		require.Error(t, err, text)
	}
}

func TestDurationsAreWrittenShort(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0": 0, "5s": 5 * time.Second, "100ms": 100 * time.Millisecond, "1m": time.Minute, "1h": time.Hour, "1h30m": 90 * time.Minute,
		"10m": 10 * time.Minute, "10h0m5s": 10*time.Hour + 5*time.Second, "20s": 20 * time.Second, "1m40s": 100 * time.Second,
	} {
		assert.Equal(t, want, Duration(d).String())
	}
}

// FuzzDuration holds what is read against exact arithmetic, and reads again what is written.
func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"5", "2.5", "1.001", "1e9", "-1", "NaN", "Inf", "500ms", "1h2m", "", "0x1p-2", "9223372036.854775807", "1.", ".00100000000000000000", ".00100000000000000001"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseDuration(text)
		if err != nil {
			return
		}
		require.GreaterOrEqual(t, d, Duration(0))
		again, err := parseDuration(d.String())
		require.NoError(t, err, d)
		assert.Equal(t, d, again)
		if !strings.ContainsAny(text, "hmsuµμn") {
			seconds, ok := new(big.Rat).SetString(text)
			require.True(t, ok, "%q is a number of seconds", text)
			rest := seconds.Mul(seconds, big.NewRat(int64(time.Second), 1))
			rest.Sub(rest, big.NewRat(int64(d), 1))
			// time.ParseDuration is exact for nine digits behind the point, and uses a float64 for more.
			off := new(big.Rat)
			if _, fraction, _ := strings.Cut(text, "."); len(fraction) > 9 {
				off.SetInt64(2) // nanoseconds
			}
			assert.LessOrEqual(t, rest.Abs(rest).Cmp(off), 0, "%q is %v", text, d)
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
	require.Equal(t, "redis://user:"+secret+"@redis", c.Redis.URL.Reveal())

	shown := map[string]string{"String": c.Redis.Password.String(), "GoString": c.Redis.Password.GoString()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10.3s", "%c", "%e", "%!"} {
		shown[verb] = fmt.Sprintf(verb, c.Redis.Password)
		shown["config "+verb] = fmt.Sprintf(verb, c)
	}
	for name, encode := range map[string]func(any) ([]byte, error){"JSON": json.Marshal, "XML": xml.Marshal} {
		text, err := encode(c.Redis)
		require.NoError(t, err)
		shown[name] = string(text)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("text", "password", c.Redis.Password, "config", c)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("json", "password", c.Redis.Password, "config", c)
	shown["log"] = log.String()
	for where, text := range shown {
		assert.NotContains(t, text, secret, where)
		assert.NotContains(t, text, fmt.Sprintf("%x", secret), where)
		assert.NotContains(t, text, fmt.Sprintf("%X", secret), where)
	}
	for _, where := range []string{"String", "GoString", "%v", "%#v", "%s", "%d"} {
		assert.Equal(t, hidden, shown[where], where)
	}
	assert.Contains(t, shown["JSON"], `"Password":"***"`)
}

func TestErrorsShowNoSecrets(t *testing.T) {
	const secret = "hunter2hunter2"
	for name, value := range map[string]string{
		"REDIS_URL":   "http://:" + secret + "@redis",
		"REDIS_HOST":  "redis://:" + secret + "@redis", // the URL in the wrong variable
		"REDIS_ADDRS": "redis://redis?password=" + secret,
		"REDIS_PORT":  "6379@" + secret,
		"LISTEN_ADDR": secret + "@a:1",
	} {
		_, err := Load([]string{name + "=" + value})
		require.ErrorContains(t, err, name+" is ***: give it ")
		assert.NotContains(t, err.Error(), secret, name)
	}
	_, err := Load([]string{"REDIS_PASSWORD=" + secret, "REDIS_URL=" + secret, "REDIS_SENTINEL_PASSWORD=" + secret, "REDIS_PORT=x", "REDIS_HOST=b"})
	require.ErrorContains(t, err, "REDIS_URL is ***: ")
	assert.NotContains(t, err.Error(), secret)
}

func TestErrorsShowNoMoreThanTheBeginning(t *testing.T) {
	_, err := Load([]string{"LOG_LEVEL=" + strings.Repeat("x", 10_000)})
	require.Error(t, err)
	assert.Less(t, len(err.Error()), 200)
}
