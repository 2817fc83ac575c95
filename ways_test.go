package main

import (
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

// uses looks whether a server serves from its Redis: a write, a read, and the health of it.
func uses(t *testing.T, environ ...string) {
	t.Helper()
	s := start(t, environ...)
	var got any
	s.Must(t, `mutation { addMessage(input: {threadId: "one", createIfMissing: true, message: {type: HUMAN, content: "hello"}}) { message { seq } } }`, nil, &got)
	var health struct {
		Health struct {
			Redis struct{ Status, Mode string }
		}
	}
	s.Must(t, `{ health { redis { status mode } } }`, nil, &health)
	assert.Equal(t, "OK", health.Health.Redis.Status)
	assert.Equal(t, "STANDALONE", health.Health.Redis.Mode)
}

// TLS by a URL or by the variables, with the certificate of a client, and the server's under a name of its own. Whose certificate cannot
// be trusted is not spoken to.
func TestTLS(t *testing.T) {
	t.Parallel()
	redis, certs := redistest.Start(t), redistest.NewCertificates(t)
	port := redis.ListenTLS(t, certs)
	client := []string{"REDIS_TLS_CERT_FILE=" + certs.ClientCert, "REDIS_TLS_KEY_FILE=" + certs.ClientKey}
	trusting := append([]string{"REDIS_TLS_CA_FILE=" + certs.CA}, client...)
	url := fmt.Sprintf("REDIS_URL=rediss://127.0.0.1:%d", port)
	host := []string{"REDIS_HOST=127.0.0.1", fmt.Sprintf("REDIS_PORT=%d", port)}
	for name, environ := range map[string][]string{
		"a URL":                      append([]string{url}, trusting...),
		"a URL that says nothing":    append([]string{fmt.Sprintf("REDIS_URL=redis://127.0.0.1:%d", port)}, trusting...),
		"a host":                     append(host, trusting...),
		"a host, said twice":         append([]string{"REDIS_TLS_ENABLED=true"}, append(host, trusting...)...),
		"a name":                     append([]string{url, "REDIS_TLS_SERVER_NAME=" + redistest.ServerName}, trusting...),
		"a name by localhost":        append([]string{fmt.Sprintf("REDIS_URL=rediss://localhost:%d", port), "REDIS_TLS_SERVER_NAME=" + redistest.ServerName}, trusting...),
		"whatever the certificate":   append([]string{url, "REDIS_TLS_INSECURE_SKIP_VERIFY=true"}, client...),
		"whatever, without any name": append([]string{"REDIS_TLS_INSECURE_SKIP_VERIFY=true"}, append(host, client...)...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			uses(t, environ...)
		})
	}
	for name, environ := range map[string][]string{
		"no TLS":                      host,
		"an authority nobody trusts":  append([]string{url}, client...),
		"no certificate of a client":  {url, "REDIS_TLS_CA_FILE=" + certs.CA},
		"the certificate of somebody": append([]string{url, "REDIS_TLS_SERVER_NAME=other.test"}, trusting...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, environ...)
			assert.Equal(t, "UNAVAILABLE", s.Fail(t, `mutation { createAgentState(input: {}) { agentState { version } } }`, nil).Code())
		})
	}
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "redis.sock")
	redistest.Start(t, "--unixsocket", socket, "--requirepass", "sesame")
	uses(t, "REDIS_URL=unix://:sesame@"+socket)
	uses(t, "REDIS_URL=unix://"+socket+"?db=3", "REDIS_PASSWORD=sesame", "REDIS_KEY_PREFIX=p")
	err := run(t.Context(), nil, []string{"REDIS_URL=unix://" + socket, "REDIS_TLS_ENABLED=true"}, io.Discard, io.Discard, nil)
	require.ErrorContains(t, err, "unix socket")
}
