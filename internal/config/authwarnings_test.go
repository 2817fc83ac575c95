package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWeakAuthenticationIsWarnedOf(t *testing.T) {
	const keys, audience = "AUTH_JWT_JWKS is read without TLS", "AUTH_JWT_AUDIENCE is not set"
	for environ, want := range map[string][]string{
		"AUTH_JWT_JWKS=http://keys.example/jwks AUTH_JWT_AUDIENCE=a":   {keys},
		"AUTH_JWT_JWKS=http://[fe80::1%eth0]/jwks AUTH_JWT_AUDIENCE=a": {keys},
		"AUTH_JWT_JWKS=http://10.0.0.1:80/ AUTH_JWT_AUDIENCE=a":        {keys},
		"AUTH_JWT_JWKS=http://127.0.0.1.example/ AUTH_JWT_AUDIENCE=a":  {keys},
		"AUTH_JWT_JWKS=http://localhost:80/jwks AUTH_JWT_AUDIENCE=a":   nil,
		"AUTH_JWT_JWKS=http://127.1.2.3/ AUTH_JWT_AUDIENCE=a":          nil,
		"AUTH_JWT_JWKS=http://[::1]:8080/ AUTH_JWT_AUDIENCE=a":         nil,
		"AUTH_JWT_JWKS=https://keys.example/ AUTH_JWT_AUDIENCE=a":      nil,
		"AUTH_JWT_JWKS=/run/keys.json AUTH_JWT_AUDIENCE=a":             nil,
		"AUTH_JWT_JWKS=http://keys.example/":                           {keys, audience},
		"AUTH_JWT_KEY_FILE=key.pem":                                    {audience},
		"AUTH_JWT_SECRET=" + strings.Repeat("s", 32):                   {audience},
	} {
		c, err := Load(append(strings.Fields(environ), "AUTH_MODE=jwt"))
		require.NoError(t, err, environ)
		if assert.Len(t, c.Warnings, len(want), environ) {
			for i := range want {
				assert.Contains(t, c.Warnings[i], want[i], environ)
			}
		}
	}
	c, err := Load([]string{"AUTH_MODE=tokens", "AUTH_TOKENS_FILE=t"})
	require.NoError(t, err)
	assert.Empty(t, c.Warnings)
}
