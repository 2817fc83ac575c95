package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

// thousands adds so many messages of some KiB to a thread.
func thousands(t *testing.T, s *server, id string, n int) {
	t.Helper()
	const each = 400
	for from := 0; from < n; from += each {
		messages := make([]object, each)
		for i := range messages {
			messages[i] = object{"type": "HUMAN", "content": fmt.Sprintf("%d %s", from+i, strings.Repeat("x", 4000))}
		}
		add(t, s, id, messages...)
	}
}

// What changes while a thread is sent: an answer is as of its beginning, or is broken off, and never short of something.
func TestRestThreadThatChangesWhileItIsSent(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		const n = 4000 // 16 MB, more than lies in buffers on the way
		for name, c := range map[string]struct {
			change func(id string)
			whole  bool
		}{
			"added to": {func(id string) { add(t, s, id, human("late")) }, true},
			"deleted":  {func(id string) { drop(t, s, id) }, false},
			"made anew": {func(id string) {
				drop(t, s, id)
				create(t, s, id, human("another"))
			}, false},
		} {
			create(t, s, name)
			thousands(t, s, name, n)
			request, err := http.NewRequestWithContext(patient(t), http.MethodGet, s.URL+of(name), http.NoBody)
			require.NoError(t, err)
			request.Header.Set("Accept-Encoding", "identity")
			response, err := s.HTTP.Do(request)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, response.StatusCode)
			first := make([]byte, 100)
			_, err = io.ReadFull(response.Body, first)
			require.NoError(t, err)
			c.change(name)
			rest, err := io.ReadAll(response.Body)
			assert.NoError(t, response.Body.Close())
			if !c.whole {
				require.ErrorIs(t, err, io.ErrUnexpectedEOF, name)
				assert.False(t, json.Valid(append(first, rest...)), name)
				continue
			}
			require.NoError(t, err, name)
			var got document
			require.NoError(t, json.Unmarshal(append(first, rest...), &got), name)
			assert.Len(t, got.Messages, n, name)
			assert.Equal(t, n, got.MessageCounts["message_count"], name)
		}
		assert.NotEmpty(t, s.log.entries(t, "msg", "an answer was broken off: the rest of it could not be read"))
	})
}

// A client that takes nothing holds up one page of a thread, not all of it, and is cut off.
func TestRestClientThatTakesNothing(t *testing.T) {
	own := redistest.Start(t)
	s := start(t, append(at(own.Addr()), "SLOW_CLIENT_TIMEOUT=1s")...)
	create(t, s, "a")
	thousands(t, s, "a", 8_000) // 32 MB
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	var connections []net.Conn
	for range 4 {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.addr)
		require.NoError(t, err)
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", of("a"))
		require.NoError(t, err)
		line, err := bufio.NewReaderSize(conn, 16).ReadString('\n')
		require.NoError(t, err)
		require.Contains(t, line, "200 OK")
		connections = append(connections, conn)
	}
	assert.Less(t, int64(heap())-int64(before), int64(40<<20), "four times 32 MB are not in memory")
	for _, conn := range connections {
		eventually(t, "it is cut off", func() bool {
			_, err := conn.Write([]byte("\n"))
			return err != nil
		})
	}
}

// An operation that takes too long is a 503, and ends in Redis too.
func TestRestTimeout(t *testing.T) {
	t.Parallel()
	own := redistest.Start(t)
	s := start(t, append(at(own.Addr()), "OPERATION_TIMEOUT=300ms")...)
	s.restState(t, "POST", "/redis/agent-state", object{"thread_id": "a"})
	require.NoError(t, own.Client().Do(context.Background(), "client", "pause", "60000", "all").Err())
	for _, c := range []struct{ method, path, body string }{{"GET", of("a"), ""}, {"POST", of("a", "/messages"), `{"message_type":"ai","content":""}`}} {
		got := s.rest(t, c.method, c.path, c.body)
		assert.Equal(t, http.StatusServiceUnavailable, got.Status, got.Body)
		assert.Equal(t, "1", got.Header.Get("Retry-After"))
	}
}
