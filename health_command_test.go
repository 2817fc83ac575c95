package main

import (
	"bytes"
	"encoding/json"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHealthCommand: what it prints and how it ends, for a probe to go by.
func TestHealthCommand(t *testing.T) {
	t.Parallel()
	ready, away := start(t), start(t, "REDIS_HOST=127.0.0.1", "REDIS_PORT=1")
	_, port, err := net.SplitHostPort(ready.addr)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := listener.Addr().String()
	require.NoError(t, listener.Close())
	for name, test := range map[string]struct {
		args, environ []string
		code          int
		says          string
	}{
		"ready":           {[]string{"--url", ready.URL}, nil, 0, "ready\n"},
		"by its address":  {nil, []string{"LISTEN_ADDR=0.0.0.0:" + port}, 0, "ready\n"},
		"by the variable": {nil, []string{"AGENTSTATE_URL=" + ready.addr}, 0, "ready\n"},
		"without Redis":   {[]string{"--url", away.URL + "/graphql"}, nil, 1, ""},
		"nobody there":    {[]string{"--url", nobody}, nil, 3, ""},
		"no address":      {[]string{"--url", "ftp://x"}, nil, 2, ""},
		"no such flag":    {[]string{"--hurry"}, nil, 2, ""},
		"an argument":     {[]string{"now"}, nil, 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			code, _ := exitCode(run(t.Context(), append([]string{"health"}, test.args...), test.environ, &out, &out, nil))
			assert.Equal(t, test.code, code)
			assert.Equal(t, test.says, out.String())
		})
	}
	var out bytes.Buffer
	code, silent := exitCode(run(t.Context(), []string{"health", "--json", "--url", away.URL}, nil, &out, &out, nil))
	assert.True(t, code == 1 && silent)
	var got struct {
		Ready  bool
		Status int
		URL    string
		Reason string
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	assert.Equal(t, 503, got.Status)
	assert.Equal(t, away.URL+"/readyz", got.URL)
	assert.False(t, got.Ready)
	assert.NotEmpty(t, got.Reason)
}
