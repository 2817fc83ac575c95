package httpapi

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/live"
)

const soon = 20 * time.Second

// pipeline is a connection of a server without its handshake, and the client's end of it.
type pipeline struct {
	*wsConn
	client net.Conn
	broken chan error
}

// newPipeline makes one whose client has so long to take something. It ends with the test, and with everything that it has started.
func newPipeline(t *testing.T, patience time.Duration) *pipeline {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	client, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", listener.Addr().String())
	require.NoError(t, err)
	require.NoError(t, client.SetDeadline(time.Now().Add(soon)))
	server, err := listener.Accept()
	require.NoError(t, err)
	p := &pipeline{client: client, broken: make(chan error, 1), wsConn: &wsConn{
		transport: &webSocket{}, words: &newer, operations: make(map[string]*wsOperation),
		wire: &wire{Conn: server, patience: patience},
	}}
	p.wire.atOnce.of(server)
	p.wire.start = p.spawn
	p.wire.broken = func(err error) {
		p.broken <- err
		_ = server.Close()
	}
	t.Cleanup(func() {
		_ = client.Close()
		_ = server.Close()
		p.running.Wait()
	})
	return p
}

// fill writes messages until the client's end has no room for more, and gives them.
func (p *pipeline) fill(t *testing.T) (written []string) {
	t.Helper()
	for deadline := time.Now().Add(soon); p.wire.clogged() == nil; {
		require.True(t, time.Now().Before(deadline), "there is room for everything")
		message := strings.Repeat(string(rune('a'+len(written)%26)), 20_000)
		p.sendAs(courier, nil, false, message, nil)
		written = append(written, message)
	}
	return written
}

// frame reads a message of the server (RFC 6455, section 5.2).
func (p *pipeline) frame(t *testing.T) string {
	t.Helper()
	head := make([]byte, 2)
	_, err := io.ReadFull(p.client, head)
	require.NoError(t, err)
	require.Equal(t, byte(0x81), head[0])
	n := int(head[1])
	if more := map[int]int{126: 2, 127: 8}[n]; more > 0 {
		length := make([]byte, more)
		_, err := io.ReadFull(p.client, length)
		require.NoError(t, err)
		n = 0
		for _, b := range length {
			n = n<<8 | int(b)
		}
	}
	text := make([]byte, n)
	_, err = io.ReadFull(p.client, text)
	require.NoError(t, err)
	return string(text)
}

// serves makes a subscription that gives what next gives, until its context ends.
func (p *pipeline) serves(id string, next func() *graphql.Response) *wsOperation {
	op := &wsOperation{conn: p.wsConn, id: id, quoted: quoted(id)}
	op.responses = func(ctx context.Context) *graphql.Response {
		if ctx.Err() != nil {
			return nil
		}
		return next()
	}
	op.ctx, op.cancel = context.WithCancel(context.Background())
	op.state.Store(resting)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.operations[id] = op
	p.busy++
	p.running.Add(1)
	return op
}

func await(t *testing.T, ch <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(soon):
		require.FailNow(t, "it does not happen", what)
	}
}

func TestFramesOfAllLengths(t *testing.T) {
	p := newPipeline(t, soon)
	for _, n := range []int{0, 1, 125, 126, 127, 65_535, 65_536, 200_000} {
		message := strings.Repeat("x", n)
		go p.send(message)
		assert.Equal(t, message, p.frame(t), n)
	}
}

func TestASlowClientGetsEverythingInOrder(t *testing.T) {
	p := newPipeline(t, soon)
	written := p.fill(t)
	clogged := p.wire.clogged()
	sent := make(chan struct{})
	go func() { // it waits for the client
		p.send("the last one")
		close(sent)
	}()
	for i, message := range written {
		require.Equal(t, message, p.frame(t), i)
	}
	await(t, clogged, "the wire is free")
	await(t, sent, "who waits goes on")
	assert.Equal(t, "the last one", p.frame(t))
	assert.Empty(t, p.wire.kept)
}

func TestAClientThatTakesNothingIsGivenUp(t *testing.T) {
	p := newPipeline(t, 20*time.Millisecond)
	p.fill(t)
	clogged := p.wire.clogged()
	select {
	case err := <-p.broken:
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	case <-time.After(soon):
		require.FailNow(t, "it is not given up")
	}
	if clogged != nil {
		await(t, clogged, "who waits for it goes on")
	}
	p.send("lost")
	assert.Nil(t, p.wire.clogged())
}

// A client that asks for pongs and takes none makes the one wait who answers, and not the memory grow.
func TestControlFramesAreBounded(t *testing.T) {
	p := newPipeline(t, soon)
	p.fill(t)
	var written atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, err := p.wire.Write(make([]byte, 100)); err != nil {
				return
			}
			written.Add(1)
		}
	}()
	kept := func() int {
		p.wire.mu.Lock()
		defer p.wire.mu.Unlock()
		return p.wire.control
	}
	require.Eventually(t, func() bool { return kept() > mostKept }, soon, time.Millisecond)
	before := written.Load()
	for range 1000 {
		_ = kept()
	}
	assert.LessOrEqual(t, written.Load(), before+1, "it waits")
	assert.Less(t, kept(), mostKept+200)
	_ = p.client.Close()
	_ = p.wire.Close()
	await(t, done, "it ends with the connection")
}

func TestNothingBehindTheGoodbye(t *testing.T) {
	p := newPipeline(t, soon)
	p.send("first")
	_, err := p.wire.Write([]byte{0x88, 2, 0x03, 0xe8})
	require.NoError(t, err)
	p.send("late")
	require.NoError(t, p.wire.Conn.(*net.TCPConn).CloseWrite())
	all, err := io.ReadAll(p.client)
	require.NoError(t, err)
	assert.Equal(t, "\x81\x05first\x88\x02\x03\xe8", string(all))
}

// More of them than there are couriers.
func TestClientsThatTakeNothingHoldUpNobody(t *testing.T) {
	var all couriersOf
	big := &graphql.Response{Data: bytes.Repeat([]byte("1"), 30_000)}
	for range 20 {
		p := all.join(newPipeline(t, soon))
		p.serves("1", func() *graphql.Response { return big }).wake()
		require.Eventually(t, func() bool { return p.wire.clogged() != nil }, soon, time.Millisecond)
	}
	good := all.join(newPipeline(t, soon))
	n := 0
	good.serves("1", func() *graphql.Response {
		if n++; n > 3*responsesAtOnce {
			return live.Waiting
		}
		return &graphql.Response{Data: []byte("1")}
	}).wake()
	for range 3 * responsesAtOnce {
		assert.JSONEq(t, `{"id":"1","type":"next","payload":{"data":1}}`, good.frame(t))
	}
	all.end(t)
}

// couriersOf are connections of one transport.
type couriersOf struct {
	transport webSocket
	joined    []*pipeline
}

func (a *couriersOf) join(p *pipeline) *pipeline {
	p.transport = &a.transport
	a.joined = append(a.joined, p)
	return p
}

// end stops the operations, which must end then, and with them the couriers.
func (a *couriersOf) end(t *testing.T) {
	t.Helper()
	for _, p := range a.joined {
		_ = p.client.Close()
		p.mu.Lock()
		for _, op := range p.operations {
			op.leave()
		}
		p.mu.Unlock()
		p.running.Wait()
	}
	require.Eventually(t, func() bool {
		a.transport.couriers.mu.Lock()
		defer a.transport.couriers.mu.Unlock()
		return a.transport.couriers.working == 0 && len(a.transport.couriers.ready) == 0
	}, soon, time.Millisecond)
}

// Whatever comes while a courier looks is seen: by him, or by the next one.
func TestNoWakeIsMissed(t *testing.T) {
	const events = 20_000
	p := newPipeline(t, soon)
	go io.Copy(io.Discard, p.client)
	var there, taken atomic.Int64
	done := make(chan struct{})
	op := p.serves("1", func() *graphql.Response {
		if taken.Load() == there.Load() {
			return live.Waiting
		}
		if taken.Add(1) == events {
			close(done)
		}
		return &graphql.Response{Data: []byte("1")}
	})
	for range 4 {
		go func() {
			for range events / 4 {
				there.Add(1)
				op.wake()
			}
		}()
	}
	await(t, done, "everything is taken")
	op.leave()
}

// A connection that has sent nothing for long, and then several things at once, or half of one.
func TestWireIsReadAhead(t *testing.T) {
	p := newPipeline(t, soon)
	p.wire.early = []byte("ear")
	ahead := func() string {
		p.wire.await()
		got := make([]byte, 1000)
		n, err := p.wire.Read(got)
		require.NoError(t, err)
		return string(got[:n])
	}
	assert.Equal(t, "ear", ahead())
	_, err := io.WriteString(p.client, "ly")
	require.NoError(t, err)
	assert.Equal(t, "ly", ahead())
	long := strings.Repeat("0123456789", 100)
	go io.WriteString(p.client, long)
	var got strings.Builder
	for got.Len() < len(long) {
		got.WriteString(ahead())
	}
	assert.Equal(t, long, got.String())
	require.NoError(t, p.client.Close())
	p.wire.await()
	for range 2 {
		_, err = p.wire.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
	}
}

// Everybody who waits for a client goes on when it has taken something, and then one after the other.
func TestWhoWaitsForAClientDoesNotCrowd(t *testing.T) {
	const senders, size = 30, 1 << 20
	p := newPipeline(t, soon)
	old := len(p.fill(t))
	var sending sync.WaitGroup
	for range senders {
		sending.Go(func() { p.send(strings.Repeat("y", size)) })
	}
	most := 0
	for range old + senders {
		p.frame(t)
		p.wire.mu.Lock()
		most = max(most, len(p.wire.kept))
		p.wire.mu.Unlock()
	}
	sending.Wait()
	assert.Less(t, most, 2*size)
}
