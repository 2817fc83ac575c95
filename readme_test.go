package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/config"
)

// readmeAddr is where README.md says that the server is.
const readmeAddr = "127.0.0.1:8080"

// request finds a command of README.md and, where there is one, the answer that it prints.
var request = regexp.MustCompile("(?s)```sh\n(curl.*?)\n```\n(?:```json\n(.*?)\n```)?")

// TestReadmeRequests sends the requests of README.md as they stand, and compares what they give with what it prints.
func TestReadmeRequests(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	requests := request.FindAllStringSubmatch(string(text), -1)
	require.Len(t, requests, 5)
	addr := serveReadme(t)
	for i, r := range requests {
		command, want := strings.ReplaceAll(r[1], readmeAddr, addr), r[2]
		if want == "" { // the subscription: it stays open
			ctx, cancel := context.WithCancel(t.Context())
			follow := exec.CommandContext(ctx, "bash", "-c", "exec "+command)
			out, err := follow.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, follow.Start())
			first := make([]byte, 1)
			_, err = out.Read(first)
			require.NoError(t, err)
			assert.Equal(t, ":", string(first), "the stream opens with a comment")
			cancel()
			_ = follow.Wait() // it was killed
			continue
		}
		got, err := exec.CommandContext(t.Context(), "bash", "-c", command).Output()
		require.NoError(t, err, "request %d", i+1)
		assert.Equal(t, want, strings.TrimSpace(string(got)), "request %d", i+1)
	}
}

// serveReadme runs the server as README.md does, on a free port, until the test ends.
func serveReadme(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("AGENTSTATE_NO_SKIP") == "1" {
				t.Fatal(err)
			}
			t.Skipf("%s is not installed: README's requests are not sent", program)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	addr, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- run(ctx, nil, []string{"LISTEN_ADDR=127.0.0.1:0"}, t.Output(), t.Output(), func(a net.Addr) { addr <- a.String() })
	}()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-done)
	})
	return <-addr
}

// TestReadmeListsTheConfiguration compares README.md's table with what the program knows.
func TestReadmeListsTheConfiguration(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(text), "TestReadmeListsTheConfiguration) -->\n")
	require.True(t, ok)
	table, _, ok := strings.Cut(rest, "<!-- configuration: end -->")
	require.True(t, ok)
	var want strings.Builder
	want.WriteString("| variable | default | what it is |\n|---|---|---|\n")
	for _, v := range config.Describe() {
		fallback := ""
		if v.Default != "" {
			fallback = "`" + v.Default + "`"
		}
		want.WriteString("| `" + v.Name + "` | " + fallback + " | " + strings.ReplaceAll(v.Text, "|", "\\|") + " |\n")
	}
	assert.Equal(t, want.String(), table)
}
