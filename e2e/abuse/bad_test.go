//go:build linux

package abuse

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// foe is a bad client at one of its visits. Whatever its visit opens ends with it, or with ctx.
type foe struct {
	ctx    context.Context // the life of the visit
	addr   string
	random *rand.Rand
	// done counts a deed.
	done func()
}

// kind is a kind of bad client. act is one visit; deed says what it counts.
type kind struct {
	name, deed string
	act        func(f *foe)
}

// kinds are all there are. Each visits again and again, a few milliseconds after it was thrown out.
var kinds = []kind{
	{"WebSocket listeners that read nothing", "cut off", deafWebSocket},
	{"event streams that are not read", "cut off", deafEventStream},
	{"handshakes that stop half way", "held", halfHandshake},
	{"connections that say nothing", "held", silence},
	{"headers a byte at a time", "bytes", slowHeader},
	{"bodies a byte at a time", "bytes", slowBody},
	{"frames of random bytes", "closed by the server", garbageFrames},
	{"messages that are none", "closed by the server", garbageMessages},
	{"subscribing and stopping", "times", subscribeFlood},
	{"frames that are too large", "closed by the server", hugeFrame},
	{"documents that are refused", "refused", refusedDocuments},
	{"connections opened and dropped", "times", churn},
}

// greedy is a subscription of which each event is ten times its message.
var greedy = func() string {
	var fields strings.Builder
	for i := range 10 {
		fmt.Fprintf(&fields, " f%d: text", i)
	}
	return `subscription { messageAdded(threadId: \"thread 0\") {` + fields.String() + ` } }`
}()

func deafWebSocket(f *foe) {
	c := f.upgrade()
	if c == nil {
		return
	}
	defer c.Close()
	shrink(c)
	c.message(`{"type":"connection_init"}`)
	c.message(`{"type":"subscribe","id":"1","payload":{"query":"` + greedy + `"}}`)
	if f.awaitHangUp(c) {
		f.done()
	}
}

func deafEventStream(f *foe) {
	c := f.dial()
	if c == nil {
		return
	}
	defer c.Close()
	shrink(c)
	body := `{"query":"` + greedy + `"}`
	c.text("POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	if f.awaitHangUp(c) {
		f.done()
	}
}

func halfHandshake(f *foe) {
	c := f.dial()
	if c == nil {
		return
	}
	defer c.Close()
	if f.random.IntN(2) == 0 {
		c.text("GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnec")
	} else if c = f.upgraded(c); c == nil { // or it goes on to the upgrade, and never says connection_init
		return
	}
	f.done()
	f.linger()
}

func silence(f *foe) {
	c := f.dial()
	if c == nil {
		return
	}
	defer c.Close()
	f.done()
	f.linger()
}

func slowHeader(f *foe) {
	f.trickle("", "POST /graphql HTTP/1.1\r\nHost: x\r\nX-Padding: "+strings.Repeat("x", 4000))
}

func slowBody(f *foe) {
	f.trickle("POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n", `{"query":"`+strings.Repeat(" ", 99_000))
}

// trickle sends a start at once and the rest slowly, until it is thrown out.
func (f *foe) trickle(start, rest string) {
	c := f.dial()
	if c == nil {
		return
	}
	defer c.Close()
	if start != "" && !c.text("%s", start) {
		return
	}
	for i := range len(rest) {
		if f.ctx.Err() != nil || !c.text("%s", rest[i:i+1]) {
			return
		}
		f.done()
		pause(f.ctx, 50*time.Millisecond)
	}
}

func garbageFrames(f *foe) {
	c := f.upgrade()
	if c == nil {
		return
	}
	defer c.Close()
	junk := make([]byte, 1+f.random.IntN(2000))
	for i := range junk {
		junk[i] = byte(f.random.Uint32())
	}
	junk[0] |= 0x70 // reserved bits: no frame of any kind
	if c.bytes(junk) && f.dismissed(c) {
		f.done()
	}
}

func garbageMessages(f *foe) {
	c := f.upgrade()
	if c == nil {
		return
	}
	defer c.Close()
	sequences := [][]string{
		{`{`},
		{`[]`},
		{`{"type":"nonsense"}`},
		{`{"type":"subscribe","id":"1","payload":{"query":"{ agentStateCount }"}}`},
		{`{"type":"connection_init"}`, `{"type":"connection_init"}`},
		{strings.Repeat(`[`, 10_000)},
		{`{"type":"connection_init"}`, `{"type":"subscribe","id":1}`},
	}
	for _, message := range sequences[f.random.IntN(len(sequences))] {
		c.message(message)
	}
	if f.dismissed(c) {
		f.done()
	}
}

func subscribeFlood(f *foe) {
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://"+f.addr+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}}) //nolint:bodyclose // the connection has it
	if err != nil {
		return
	}
	defer conn.CloseNow()
	conn.SetReadLimit(-1)
	go func() { // ends with the connection
		for {
			if _, _, err := conn.Read(ctx); err != nil {
				cancel()
				return
			}
		}
	}()
	say := func(format string, args ...any) bool {
		return conn.Write(ctx, websocket.MessageText, fmt.Appendf(nil, format, args...)) == nil
	}
	if !say(`{"type":"connection_init"}`) {
		return
	}
	for i := 0; i < 1000; i++ {
		if !say(`{"type":"subscribe","id":"%d","payload":{"query":"subscription { messageAdded(threadId: \"thread %d\") { seq } }"}}`, i, f.random.IntN(2*threads)) ||
			!say(`{"type":"complete","id":"%d"}`, i) {
			return
		}
		f.done()
		pause(ctx, time.Duration(f.random.IntN(5))*time.Millisecond)
	}
}

func hugeFrame(f *foe) {
	c := f.upgrade()
	if c == nil {
		return
	}
	defer c.Close()
	c.message(`{"type":"connection_init"}`)
	if f.random.IntN(2) == 0 {
		c.message(strings.Repeat("x", 3<<20)) // more than a request may have
	} else {
		c.header(1 << 40) // what it announces never comes
		c.bytes(make([]byte, 3<<20))
	}
	if f.dismissed(c) {
		f.done()
	}
}

func refusedDocuments(f *foe) {
	documents := []string{
		"{" + strings.Repeat(" agentStateCount", 5000) + "}",
		"{ " + strings.Repeat("a", 50_000) + " }",
		strings.Repeat("{ a ", 1000),
		"query(" + strings.Repeat("$v: Int ", 1500) + ") { a }",
		strings.Repeat("\\u0000", 1000),
	}
	body := `{"query":"` + documents[f.random.IntN(len(documents))] + `"}`
	request, err := http.NewRequestWithContext(f.ctx, http.MethodPost, "http://"+f.addr+"/graphql", strings.NewReader(body))
	if err != nil {
		return
	}
	request.Header.Set("Content-Type", "application/json")
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return
	}
	if response.Body.Close() == nil {
		f.done()
	}
}

func churn(f *foe) {
	for range 20 {
		c := f.dial()
		if c == nil {
			return
		}
		switch f.random.IntN(3) {
		case 0:
			c.text("GET / HTTP/1.1\r\n")
		case 1:
			c = f.upgraded(c)
		}
		if c == nil {
			return
		}
		_ = c.SetLinger(f.random.IntN(2) - 1) // a reset, or an orderly end
		_ = c.Close()
		f.done()
		pause(f.ctx, time.Millisecond)
	}
}
