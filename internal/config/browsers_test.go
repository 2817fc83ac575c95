package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhatIsShownByEnvironment(t *testing.T) {
	for name, c := range map[string]struct {
		environ                                   []string
		hideSchema, hidePlayground, hideInspector bool
	}{
		"development":                {nil, false, false, false},
		"any other name":             {[]string{"ENVIRONMENT=staging"}, false, false, false},
		"production":                 {[]string{"ENVIRONMENT=production"}, true, true, true},
		"production in capitals":     {[]string{"ENVIRONMENT=Production"}, true, true, true},
		"introspection by exception": {[]string{"ENVIRONMENT=production", "INTROSPECTION=on"}, false, true, true},
		"playground by exception":    {[]string{"ENVIRONMENT=production", "PLAYGROUND=on"}, true, false, true},
		"inspector by exception":     {[]string{"ENVIRONMENT=production", "INSPECTOR=on"}, true, true, false},
		"off in development":         {[]string{"INTROSPECTION=off", "PLAYGROUND=off", "INSPECTOR=off"}, true, true, true},
		"set to nothing":             {[]string{"ENVIRONMENT=production", "INTROSPECTION=", "PLAYGROUND=", "INSPECTOR="}, true, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := Load(c.environ)
			require.NoError(t, err)
			assert.Equal(t, c.hideSchema, cfg.HideSchema())
			assert.Equal(t, c.hidePlayground, cfg.HidePlayground())
			assert.Equal(t, c.hideInspector, cfg.HideInspector())
		})
	}
	for _, name := range []string{"INTROSPECTION", "PLAYGROUND", "INSPECTOR"} {
		_, err := Load([]string{name + "=yes"})
		require.EqualError(t, err, name+` is "yes": give it on or off`)
	}
}

func TestOrigins(t *testing.T) {
	for value, want := range map[string][]string{
		"":                    nil,
		"https://app.example": {"https://app.example"},
		"http://localhost:3000, https://a.example:8443": {"http://localhost:3000", "https://a.example:8443"},
		"http://[::1]:3000":                             {"http://[::1]:3000"},
		"*":                                             {"*"},
	} {
		cfg, err := Load([]string{"CORS_ALLOWED_ORIGINS=" + value})
		require.NoError(t, err, value)
		assert.Equal(t, want, cfg.Browsers.AllowedOrigins, value)
	}
	for _, value := range []string{
		"app.example", "//app.example", "https://", "https://app.example/", "https://App.example", "https://app.example:443",
		"http://app.example:80", "http://app.example:", "https://me@app.example", "https://app.example#a", "ftp://app.example",
		"null", "https://*.example", "https://app.example,*", "*,*", "https://app.example?x", "https://app.example:port",
	} {
		_, err := Load([]string{"CORS_ALLOWED_ORIGINS=" + value})
		assert.ErrorContains(t, err, "CORS_ALLOWED_ORIGINS is ", value)
	}
}
