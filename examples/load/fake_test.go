package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is as much of an agentstate server as the loader needs, and strict where the real one is.
type fake struct {
	url string
	// page is how many messages it gives at once: so few that a short thread takes several pages.
	page int

	mu       sync.Mutex
	threads  map[string][]map[string]any
	requests []fakeRequest
	// before and after answer a request themselves where they return true: before anything is done, and when it is done and only the
	// answer is missing. They get the number of the request, from 1.
	before, after func(n int, w http.ResponseWriter) bool
	// tamper changes the messages of a thread as they are read.
	tamper func(messages []map[string]any) []map[string]any
}

type fakeRequest struct {
	threadID string
	messages int // 0: a read
	bytes    int
	create   bool
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{page: 3, threads: map[string][]map[string]any{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url = server.URL + "/graphql"
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	var request struct {
		Query     string
		Variables struct {
			ThreadID string
			After    *string
			Input    struct {
				ThreadID        string
				Messages        []map[string]any
				CreateIfMissing bool
			}
		}
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err != nil || dec.Decode(&request) != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "not a GraphQL request", http.StatusBadRequest)
		return
	}
	in := request.Variables.Input
	f.requests = append(f.requests, fakeRequest{in.ThreadID + request.Variables.ThreadID, len(in.Messages), len(body), in.CreateIfMissing})
	n := len(f.requests)
	if f.before != nil && f.before(n, w) {
		return
	}
	var answer any
	if strings.Contains(request.Query, "addMessages") {
		answer = f.add(in.ThreadID, in.Messages, in.CreateIfMissing, len(body))
	} else {
		answer = f.read(request.Variables.ThreadID, request.Variables.After)
	}
	if f.after != nil && f.after(n, w) {
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (f *fake) add(threadID string, messages []map[string]any, create bool, size int) any {
	stored, exists := f.threads[threadID]
	switch {
	case !exists && !create:
		return refusal("NOT_FOUND", "There is no such thread.", nil)
	case len(messages) < 1 || len(messages) > 500 || size > 2<<20:
		return refusal("LIMIT_EXCEEDED", "Send less.", nil)
	}
	duplicates := 0
	for _, m := range messages {
		switch old := find(stored, m["messageId"]); {
		case m["messageId"] == nil:
			return refusal("BAD_USER_INPUT", "Give the message an id.", nil)
		case old == nil:
			stored = append(stored, m)
		case !assert.ObjectsAreEqual(old, m):
			return refusal("ALREADY_EXISTS", "Give the new message another id.", map[string]any{"messageId": m["messageId"]})
		default:
			duplicates++
		}
	}
	f.threads[threadID] = stored
	return map[string]any{"data": map[string]any{"addMessages": map[string]any{"duplicates": duplicates}}}
}

func find(messages []map[string]any, id any) map[string]any {
	for _, m := range messages {
		if m["messageId"] == id {
			return m
		}
	}
	return nil
}

func (f *fake) read(threadID string, after *string) any {
	stored, exists := f.threads[threadID]
	if !exists {
		return map[string]any{"data": map[string]any{"agentState": nil}}
	}
	nodes := make([]map[string]any, len(stored))
	for i, m := range stored {
		nodes[i] = map[string]any{
			"name": nil, "toolCalls": []any{}, "toolCallId": nil, "metadata": map[string]any{},
			"status": nil, "responseMetadata": map[string]any{}, "usage": nil,
		}
		maps.Copy(nodes[i], m)
	}
	if f.tamper != nil {
		nodes = f.tamper(nodes)
	}
	from := 0
	if after != nil {
		from, _ = strconv.Atoi(*after)
	}
	to := min(from+f.page, len(nodes))
	return map[string]any{"data": map[string]any{"agentState": map[string]any{"messages": map[string]any{
		"nodes": nodes[from:to], "pageInfo": map[string]any{"hasNextPage": to < len(nodes), "endCursor": strconv.Itoa(to)},
	}}}}
}

func refusal(code, message string, more map[string]any) any {
	extensions := map[string]any{"code": code}
	maps.Copy(extensions, more)
	return map[string]any{"data": nil, "errors": []any{map[string]any{"message": message, "extensions": extensions}}}
}

// count is how many messages a thread of the fake has.
func (f *fake) count(threadID string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.threads[threadID])
}

// write puts lines into a file.
func write(t *testing.T, lines ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "in.ndjson")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600))
	return file
}

// talk is a line with a conversation of n messages.
func talk(threadID string, n int) string {
	messages := make([]string, n)
	for i := range messages {
		messages[i] = fmt.Sprintf(`{"role":"user","content":"%s says %d"}`, threadID, i)
	}
	return fmt.Sprintf(`{"thread_id":%q,"form":"openai","messages":[%s]}`, threadID, strings.Join(messages, ","))
}

// loaded is what a run of the program gave.
type loaded struct {
	stdout, stderr string
	err            error
	waits          []time.Duration // the pauses it wanted to make; none was made
}

// loadInto runs the loader on a file, without its pauses.
func loadInto(t *testing.T, url string, args ...string) loaded {
	t.Helper()
	opts, err := parse(append([]string{"-url", url}, args...), io.Discard)
	require.NoError(t, err)
	var (
		stdout, stderr strings.Builder
		mu             sync.Mutex
		result         loaded
	)
	c := newClient(opts.url, opts.concurrency)
	defer c.close()
	c.wait = func(ctx context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		result.waits = append(result.waits, d)
		return ctx.Err()
	}
	result.err = load(t.Context(), c, opts, &stdout, &stderr)
	result.stdout, result.stderr = stdout.String(), stderr.String()
	return result
}
