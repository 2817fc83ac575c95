//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
)

// TestReadinessFailsFirst: in the drain all is served as before, over new connections and old ones, but /readyz sends everybody away;
// and a second signal ends the process at once.
func TestReadinessFailsFirst(t *testing.T) {
	t.Parallel()
	p := launchProcess(t, "DRAIN_DELAY=5m")
	create(t, p.server, "a")
	streams := map[string]*gqltest.Stream{}
	for _, transport := range gqltest.Transports {
		streams[transport.Name], _ = watch(t, p.server, transport, "a")
	}
	require.Equal(t, http.StatusOK, p.status(t, "/readyz"))
	p.signal(t, syscall.SIGTERM)
	eventually(t, "/readyz fails", func() bool { return p.status(t, "/readyz") == http.StatusServiceUnavailable })
	assert.Equal(t, http.StatusOK, p.status(t, "/livez"), "a restart is not what it needs")

	version := touch(t, p.server, "a")
	for name, stream := range streams {
		var c change
		for c.Version < version {
			c = nextChange(t, stream)
		}
		assert.Equal(t, version, c.Version, name)
	}
	request, err := http.NewRequestWithContext(patient(t), http.MethodGet, p.URL+"/graphql?query={agentStateCount}", http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := p.HTTP.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.True(t, response.Close, "the client is told to connect anew, which leads elsewhere")

	select {
	case err := <-p.ended:
		require.Fail(t, "the process did not drain", "%v", err)
	default:
	}
	p.signal(t, syscall.SIGTERM)
	ended := p.end(t)
	exit, ok := errors.AsType[*exec.ExitError](ended)
	require.True(t, ok, "%v", ended)
	status, ok := exit.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	assert.Equal(t, syscall.SIGTERM, status.Signal(), "by the signal, and not when the delay was over")
}

// TestDrainEnds: behind the delay the server stops as it does without one.
func TestDrainEnds(t *testing.T) {
	t.Parallel()
	s := start(t, "DRAIN_DELAY=200ms")
	begin := time.Now()
	require.NoError(t, s.stop())
	assert.GreaterOrEqual(t, time.Since(begin), 200*time.Millisecond)
	assert.Len(t, s.log.entries(t, "msg", "stopping"), 1)
}

// TestStopUnderLoad sends SIGTERM while 64 clients write. Each of them gets whole answers until there is nobody any more, what was
// acknowledged is in Redis under its number, and what is in Redis was acknowledged.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	const writers, threads, before = 64, 8, 2000
	environ := at(sharedRedis(t).Addr())
	p := launchProcess(t, append(environ, "DRAIN_DELAY=1s", "SHUTDOWN_TIMEOUT=30s")...)
	var acknowledged [writers][]message
	var total atomic.Int64
	enough := make(chan struct{})
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for n := 0; ; n++ {
				m, err := write(t.Context(), p, fmt.Sprintf("t%d", w%threads), fmt.Sprintf("w%d-%d", w, n))
				if err != nil {
					assert.True(t, slices.ContainsFunc(gone, func(e error) bool { return errors.Is(err, e) }), "writer %d got %v", w, err)
					return
				}
				acknowledged[w] = append(acknowledged[w], m)
				if total.Add(1) == before {
					close(enough)
				}
			}
		})
	}
	<-enough
	p.signal(t, syscall.SIGTERM)
	require.NoError(t, p.end(t), "an orderly end")
	group.Wait()

	other := start(t, environ...)
	stored := map[string]int{}
	for i := range threads {
		for after := ""; ; {
			page := read(t, other, fmt.Sprintf("t%d", i), `messages(first: 1000`+after+`) { nodes { messageId seq cursor } }`).Messages.Nodes
			for _, m := range page {
				stored[m.MessageID] = m.Seq
			}
			if len(page) < 1000 {
				break
			}
			after = fmt.Sprintf(`, after: %q`, page[len(page)-1].Cursor)
		}
	}
	assert.GreaterOrEqual(t, total.Load(), int64(before))
	written := int64(len(stored))
	assert.Equal(t, total.Load(), written, "no request was cut off between its write and its answer")
	for _, messages := range acknowledged {
		for _, m := range messages {
			require.Equal(t, m.Seq, stored[m.MessageID], "%s was acknowledged as number %d", m.MessageID, m.Seq)
		}
	}
}

// gone are the errors of a client for whom nobody is there: net/http closes a connection whose request it reads behind the drain without
// a word, and the kernel one that nobody has taken.
var gone = []error{syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, io.EOF}

// write adds a message, which must be acknowledged by a whole answer without errors. The error is that there is no connection, or, where
// there is half an answer, something else.
func write(ctx context.Context, p *process, thread, id string) (message, error) {
	const document = `mutation($input: AddMessageInput!) { addMessage(input: $input) { message { messageId seq } } }`
	body, err := json.Marshal(vars{"query": document, "variables": vars{"input": object{
		"threadId": thread, "createIfMissing": true, "message": human(id),
	}}})
	if err != nil {
		return message{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL+"/graphql", strings.NewReader(string(body)))
	if err != nil {
		return message{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := p.HTTP.Do(request)
	if err != nil {
		return message{}, err
	}
	defer response.Body.Close()
	var got struct {
		Data   struct{ AddMessage struct{ Message message } }
		Errors []gqltest.Error
	}
	// Without a look at whether a connection broke: behind a header there must be a whole body.
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		return message{}, fmt.Errorf("half an answer: %v", err) //nolint:errorlint // it must not pass for a lack of a connection
	}
	if len(got.Errors) > 0 || response.StatusCode != http.StatusOK {
		return message{}, fmt.Errorf("status %d, errors %v", response.StatusCode, got.Errors)
	}
	return got.Data.AddMessage.Message, nil
}
