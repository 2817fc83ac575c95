package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLoadTwice(t *testing.T) {
	f := newFake(t)
	file := write(t, talk("a", 4), talk("b", 1), talk("c", 7))
	first := loadInto(t, f.url, "-prefix", "demo-", file)
	require.NoError(t, first.err)
	assert.Regexp(t, `^3 conversations, 12 messages, none of them already there, in \S+\n$`, first.stdout)
	again := loadInto(t, f.url, "-prefix", "demo-", "-verify", file)
	require.NoError(t, again.err)
	assert.Regexp(t, `^3 conversations, 12 messages, all of them already there, in \S+, everything reads back equal\n$`, again.stdout)
	assert.Equal(t, 4, f.count("demo-a"))
	assert.Equal(t, 7, f.count("demo-c"))

	longer := loadInto(t, f.url, "-prefix", "demo-", write(t, talk("a", 5)))
	require.NoError(t, longer.err)
	assert.Contains(t, longer.stdout, "1 conversation, 5 messages, 4 of them already there, in ")
}

func TestLoadRefusesOtherContent(t *testing.T) {
	f := newFake(t)
	require.NoError(t, loadInto(t, f.url, write(t, talk("a", 2))).err)
	got := loadInto(t, f.url, write(t, strings.ReplaceAll(talk("a", 2), "says 1", "says something else")))
	assert.ErrorContains(t, got.err, `:1: thread "a": ALREADY_EXISTS: Give the new message another id. (message "a-1")`)
}

func TestLoadChecksTheFileFirst(t *testing.T) {
	f := newFake(t)
	got := loadInto(t, f.url, write(t, talk("a", 1), "{"))
	require.ErrorContains(t, got.err, "in.ndjson:2: ")
	assert.Empty(t, f.requests, "nothing is sent of a file that is wrong")

	got = loadInto(t, f.url, t.TempDir())
	require.ErrorContains(t, got.err, "is not a regular file")
	got = loadInto(t, f.url, filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, got.err, os.ErrNotExist)

	got = loadInto(t, f.url, "-verify", write(t, ""))
	require.NoError(t, got.err)
	assert.Contains(t, got.stdout, "0 conversations, 0 messages, none of them already there, in ")
}

func TestBatches(t *testing.T) {
	f := newFake(t)
	f.page = 1000
	require.NoError(t, loadInto(t, f.url, "-verify", write(t, talk("many", 2*maxBatch+1))).err)
	large := fmt.Sprintf(`{"role":"user","content":%q}`, strings.Repeat("<&>", 80<<10)) // 240 KiB, six times that if escaped
	all := strings.TrimSuffix(strings.Repeat(large+",", 5), ",")
	require.NoError(t, loadInto(t, f.url, write(t, `{"thread_id":"large","form":"openai","messages":[`+all+`]}`)).err)

	sizes := map[string][]int{}
	for _, request := range f.requests {
		if request.messages > 0 {
			assert.Equal(t, len(sizes[request.threadID]) == 0, request.create, "only the first request creates the thread")
			sizes[request.threadID] = append(sizes[request.threadID], request.messages)
			assert.Less(t, request.bytes, batchBytes+1024)
		}
	}
	assert.Equal(t, map[string][]int{"many": {500, 500, 1}, "large": {4, 1}}, sizes)

	one := []json.RawMessage{make(json.RawMessage, 2*batchBytes), json.RawMessage("1")}
	assert.Equal(t, 1, batchLength(one), "what is too large by itself goes alone, and the server says what it thinks of it")
}

// roundTrip stands for the network, which a synctest bubble cannot see through.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestConcurrency(t *testing.T) {
	lines := make([]string, 10)
	for i := range lines {
		lines[i] = talk(fmt.Sprint("t", i), 1)
	}
	file := write(t, lines...)
	for _, allowed := range []int{1, 3, 20} {
		t.Run(fmt.Sprint(allowed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var arrived atomic.Int64
				free := make(chan struct{})
				c := newClient("http://server.test/graphql", 1)
				c.http.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
					arrived.Add(1)
					<-free
					body := io.NopCloser(strings.NewReader(`{"data":{"addMessages":{"duplicates":0}}}`))
					return &http.Response{StatusCode: http.StatusOK, Body: body}, nil
				})
				done := make(chan error, 1)
				go func() {
					done <- load(t.Context(), c, options{file: file, concurrency: allowed}, io.Discard, io.Discard)
				}()
				synctest.Wait() // until nothing can go on by itself
				assert.EqualValues(t, min(allowed, len(lines)), arrived.Load())
				close(free)
				require.NoError(t, <-done)
				assert.EqualValues(t, len(lines), arrived.Load())
			})
		})
	}
}

func TestTheFirstErrorStopsAll(t *testing.T) {
	f := newFake(t)
	f.before = func(n int, w http.ResponseWriter) bool {
		return n == 3 && answer(http.StatusOK, `{"errors":[{"message":"Send less.","extensions":{"code":"LIMIT_EXCEEDED"}}]}`)(w)
	}
	lines := make([]string, 50)
	for i := range lines {
		lines[i] = talk(fmt.Sprint("t", i), 1)
	}
	got := loadInto(t, f.url, "-concurrency", "1", write(t, lines...))
	require.ErrorContains(t, got.err, `in.ndjson:3: thread "t2": LIMIT_EXCEEDED: Send less.`)
	assert.Len(t, f.requests, 3)
}

func TestStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := newFake(t)
	f.before = func(n int, _ http.ResponseWriter) bool {
		if n == 2 {
			cancel()
		}
		return false
	}
	var stderr strings.Builder
	err := run(ctx, []string{"-url", f.url, "-concurrency", "1", write(t, talk("a", 1), talk("b", 1), talk("c", 1))}, io.Discard, &stderr)
	require.EqualError(t, err, "stopped before the end; run it again to go on")
	assert.Len(t, f.requests, 2)
	assert.NotContains(t, stderr.String(), "trying again")
}

// TestTour checks that the project's own conversations show what they are there for.
func TestTour(t *testing.T) {
	file, err := os.Open("tour.ndjson")
	require.NoError(t, err)
	defer file.Close()
	types, messages, calls := map[string]bool{}, 0, 0
	convs, err := readAll(file, "")
	require.NoError(t, err)
	var text strings.Builder
	for _, conv := range convs {
		asked := map[string]bool{}
		for _, m := range conv.messages {
			types[m.Type] = true
			messages++
			for _, call := range m.ToolCalls {
				calls++
				asked[*call.ID] = true
				assert.Equal(t, byte('{'), call.Args[0], "%s: the arguments are JSON", m.MessageID)
				text.Write(call.Args)
			}
			if m.Type == "TOOL" {
				assert.True(t, asked[m.ToolCallID], "%s answers a call", m.MessageID)
			}
			assert.Empty(t, m.Metadata)
		}
	}
	assert.Len(t, convs, 4)
	assert.Equal(t, map[string]bool{"SYSTEM": true, "HUMAN": true, "AI": true, "TOOL": true}, types)
	assert.Equal(t, 33, messages)
	assert.Equal(t, 8, calls)
	for _, number := range []string{"9007199254740993", "9223372036854775807", "18446744073709551615", "38.707750912345678", "576.40"} {
		assert.Contains(t, text.String(), number)
	}
}
