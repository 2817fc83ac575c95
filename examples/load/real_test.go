package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sharedData are real conversations that are not part of the project; AGENTSTATE_DATA names them where they are elsewhere.
const sharedData = "../../../shared/data/conversations.ndjson"

// odd are messages that a model or a program near one might produce, and that still must come back as they were.
const odd = `{"thread_id":"a:b{c}*\\ ü","form":"openai","messages":[
	{"role":"developer","content":"Be odd."},
	{"role":"user","content":[{"type":"text","text":"<&>\u2028"},{"type":"image_url","image_url":{"url":"data:,x","detail":1.0}},"loose"],"name":"Noor"},
	{"role":"assistant","content":null,"refusal":null,"annotations":[],"audio":{"expires":9223372036854775808,"gain":0.10000000000000001,"e":1e-400,"zero":-0}},
	{"role":"assistant","content":"","tool_calls":[
		{"id":"1","type":"function","function":{"name":"f","arguments":"{\"n\": 18446744073709551616, \"x\": 1.0, \"y\": 0.30000000000000004, \"z\": 1E+2}"}},
		{"id":"2","type":"function","function":{"name":"f","arguments":"null"}},
		{"id":"3","type":"function","function":{"name":"f","arguments":""}},
		{"id":"4","type":"function","function":{"name":"f","arguments":"{\"a\": \"broken"}},
		{"id":"5","type":"function","function":{"name":"f","arguments":"{\"a\":1,\"a\":2}"}},
		{"id":"6","type":"function","function":{"name":"f","arguments":"{\"a\":\"\\ud83d\"}"}},
		{"id":"7","type":"function","function":{"name":"f","arguments":"DEEP"}},
		{"id":"8","type":"function","function":{"name":"f","arguments":{"an":"object","n":1.10}}},
		{"id":"9","type":"custom","custom":{"name":"sql","input":"SELECT 1"}},
		{"type":"function","index":0,"function":{"name":"g"}}]},
	{"role":"tool","tool_call_id":"1","name":"f","content":"0.1","extra":{"deep":[[[1.50]]]}},
	{"role":"tool","tool_call_id":"2","content":null},
	{"role":"function","name":"old","content":"{}"},
	{"role":"assistant","content":"🧑‍🚀 \u0000 naïve","function_call":{"name":"old","arguments":"{}"}}]}`

// TestRealServer loads conversations into the server of this module, and reads them back.
func TestRealServer(t *testing.T) {
	url := startServer(t)
	deep := strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1)
	oddFile := write(t, strings.ReplaceAll(strings.ReplaceAll(odd, "\n", ""), "DEEP", deep))
	edge := write(t, talk("many", 2*maxBatch+1), talk("one", 1)) // more than a page and two batches

	for name, file := range map[string]string{
		"tour.ndjson":            "tour.ndjson",
		"odd messages":           oddFile,
		"batches and pages":      edge,
		"the real conversations": data(),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
				absent(t, file)
			}
			for _, there := range []string{"none", "all"} {
				var stdout, stderr strings.Builder
				err := run(t.Context(), []string{"-url", url, "-prefix", name + "/", "-verify", file}, &stdout, &stderr)
				require.NoError(t, err, stderr.String())
				assert.Contains(t, stdout.String(), " messages, "+there+" of them already there, in ")
				assert.Contains(t, stdout.String(), "everything reads back equal")
				t.Log(strings.TrimSpace(stdout.String()))
			}
		})
	}

	// What follows does not trust the loader's own comparison.
	t.Run("digits", func(t *testing.T) {
		c := newClient(url, 1)
		defer c.close()
		var text strings.Builder
		for node, err := range c.thread(t.Context(), "tour.ndjson/tour-buoy") {
			require.NoError(t, err)
			text.Write(node)
			text.WriteByte('\n')
		}
		assert.Equal(t, 7, strings.Count(text.String(), "\n"))
		for _, number := range []string{`"buoy":18446744073709551615`, `"salinity_psu":34.907215538871602`, `"battery_v":3.10`, `1.60217663400000e-19`} {
			assert.Contains(t, text.String(), number)
		}
	})
	t.Run("other content is refused", func(t *testing.T) {
		tour, err := os.ReadFile("tour.ndjson")
		require.NoError(t, err)
		file := write(t, strings.ReplaceAll(string(tour), "9223372036854775807", "9223372036854775808"))
		err = run(t.Context(), []string{"-url", url, "-prefix", "tour.ndjson/", file}, io.Discard, io.Discard)
		require.ErrorContains(t, err, `:1: thread "tour.ndjson/tour-lisbon": ALREADY_EXISTS: `)
		assert.ErrorContains(t, err, `(message "tour.ndjson/tour-lisbon-7")`)
	})
	t.Run("a message of somebody else is found", func(t *testing.T) {
		c := newClient(url, 1)
		defer c.close()
		other := []json.RawMessage{json.RawMessage(`{"messageId":"other","type":"HUMAN","content":"Hello?"}`)}
		_, err := c.addMessages(t.Context(), "tour.ndjson/tour-code", other, false)
		require.NoError(t, err)
		var stderr strings.Builder
		err = run(t.Context(), []string{"-url", url, "-prefix", "tour.ndjson/", "-verify", "tour.ndjson"}, io.Discard, &stderr)
		require.EqualError(t, err, "1 difference between what was sent and what the server has")
		assert.Contains(t, stderr.String(), `thread "tour.ndjson/tour-code": message "other" is there, and was not sent`)
	})
}

func data() string {
	if file := os.Getenv("AGENTSTATE_DATA"); file != "" {
		return file
	}
	return filepath.FromSlash(sharedData)
}

// absent skips a test whose file is not there, or fails where nothing may be skipped.
func absent(t *testing.T, file string) {
	t.Helper()
	const why = "%s is not there; name the conversations with AGENTSTATE_DATA"
	if os.Getenv("AGENTSTATE_NO_SKIP") == "1" {
		t.Fatalf(why, file)
	}
	t.Skipf(why, file)
}

// startServer builds the server and starts it with its in-memory Redis, on a port of its own. It gives the address of its
// GraphQL endpoint. At the end of the test the server is stopped, and must have stopped well.
func startServer(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "agentstate")
	if runtime.GOOS == "windows" {
		bin += ".exe"
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		require.NoError(t, err, string(out))
	}
	ctx, stop := context.WithCancel(context.Background())
	log := &serverLog{url: make(chan string, 1)}
	server := exec.CommandContext(ctx, bin)
	server.Env = []string{"LISTEN_ADDR=127.0.0.1:0"} // nothing of the environment: no REDIS_*, no other limits
	server.Stderr = log
	server.Cancel = func() error { return server.Process.Signal(syscall.SIGTERM) }
	server.WaitDelay = 30 * time.Second // then it is killed
	require.NoError(t, server.Start())
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }() // ends with the process, which the cleanup waits for
	t.Cleanup(func() {
		stop()
		err := <-ended
		if state := server.ProcessState; state == nil || !state.Success() {
			t.Errorf("the server did not stop well: %v, %v\n%s", state, err, log)
		}
	})
	select {
	case url := <-log.url:
		return url + "graphql"
	case err := <-ended:
		ended <- err
		t.Fatalf("the server ended: %v\n%s", err, log)
	case <-time.After(30 * time.Second):
		t.Fatalf("the server does not say where it listens\n%s", log)
	}
	return ""
}

var listening = regexp.MustCompile(`msg=listening (?:.* )?url=(\S+)`)

// serverLog keeps what the server writes, and finds its address in it.
type serverLog struct {
	url chan string // gets the address, once

	mu    sync.Mutex
	text  strings.Builder
	found bool
}

func (l *serverLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	if lines := l.text.String(); !l.found && strings.HasSuffix(lines, "\n") { // not half an address
		if found := listening.FindStringSubmatch(lines); found != nil {
			l.found = true
			l.url <- found[1]
		}
	}
	return len(p), nil
}

func (l *serverLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
