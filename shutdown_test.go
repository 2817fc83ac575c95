package main

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
	"agentstate/internal/redistest"
)

// TestShutdownEndsStreams: each client is told that the server goes, and none that its subscription is over, so that it comes back.
func TestShutdownEndsStreams(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a")
		streams := map[string]*gqltest.Stream{}
		for _, transport := range gqltest.Transports {
			streams[transport.Name], _ = watch(t, s, transport, "a")
		}
		last := touch(t, s, "a")
		for _, stream := range streams {
			for nextChange(t, stream).Version < last {
			}
		}
		require.NoError(t, s.stop())
		for name, stream := range streams {
			e := stream.Next(t)
			assert.False(t, e.Complete, "%s was told that the operation is over", name)
			require.Error(t, e.Closed, "%s: data %s, errors %v", name, e.Data, e.Errors)
			switch name {
			case "sse":
				require.ErrorIs(t, e.Closed, io.EOF, "the body has its end")
			case "multipart":
				require.ErrorContains(t, e.Closed, "UNAVAILABLE", "clients take the mere end for the end of the subscription")
			default:
				// A close frame with 1001, after which clients connect again (1006 would be none, and 1000 tells some that all is done).
				assert.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(e.Closed), "%s: %v", name, e.Closed)
			}
		}
		_, err := net.Dial("tcp", s.addr)
		assert.Error(t, err, "nothing is served any more")
	})
}

// TestShutdownLetsRequestsFinish holds a request up in Redis, and stops the server under it.
func TestShutdownLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(ctx context.Context, s *server, query string) []gqltest.Error{
		"http": func(ctx context.Context, s *server, query string) []gqltest.Error {
			_, errs, _ := s.Do(ctx, query, nil)
			return errs
		},
		"websocket": func(_ context.Context, s *server, query string) []gqltest.Error {
			stream, err := gqltest.Transports[0].Open(s.Client, query, nil)
			if err != nil {
				return []gqltest.Error{{Message: err.Error()}}
			}
			defer stream.Close()
			answer, end, goodbye := stream.Next(t), stream.Next(t), stream.Next(t)
			assert.NotEmpty(t, answer.Data)
			assert.True(t, end.Complete)
			assert.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(goodbye.Closed), goodbye)
			return answer.Errors
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shutdownLetsFinish(t, send)
		})
	}
}

func shutdownLetsFinish(t *testing.T, send func(ctx context.Context, s *server, query string) []gqltest.Error) {
	t.Helper()
	own := redistest.Start(t)
	proxy := redistest.NewProxy(t, own.Addr())
	environ := append(at(proxy.Addr()), "REDIS_TIMEOUT=1m", "SHUTDOWN_TIMEOUT=1m")
	s := start(t, environ...)
	create(t, s, "a")
	arrived := make(chan struct{}, 1)
	proxy.CutAfterRequest(func(request []byte) bool {
		if redistest.Contains("in time")(request) {
			arrived <- struct{}{}
		}
		return false
	})
	own.Pause()
	ctx, answered, stopped := patient(t), make(chan []gqltest.Error, 1), make(chan error, 1)
	go func() {
		answered <- send(ctx, s, `mutation { setContext(input: {threadId: "a", context: "in time"}) { agentState { version } } }`)
	}()
	<-arrived
	go func() { stopped <- s.stop() }()
	eventually(t, "no connection is taken any more", func() bool {
		conn, err := net.Dial("tcp", s.addr)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	select {
	case err := <-stopped:
		require.Fail(t, "the server did not wait for its request", "%v", err)
	default:
	}
	own.Resume()
	assert.Empty(t, <-answered)
	require.NoError(t, <-stopped)
	assert.Equal(t, "in time", read(t, start(t, environ...), "a", `context`).Context)
}
