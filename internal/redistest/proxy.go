package redistest

import (
	"bufio"
	"bytes"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy stands between clients and a Redis. It reads the protocol, so that it can tell what a request is and when it has been answered.
type Proxy struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu      sync.Mutex
	links   map[*link]struct{}
	closed  bool
	blocked bool
	drop    bool
	mute    bool
	delay   time.Duration
	match   func([]byte) bool
	cut     bool
	matched int
}

// NewProxy starts a proxy in front of target, a host and port. It ends with the test.
func NewProxy(tb testing.TB, target string) *Proxy {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("redistest: proxy: %v", err)
	}
	p := &Proxy{listener: listener, target: target, links: make(map[*link]struct{})}
	p.running.Go(p.accept)
	tb.Cleanup(p.close)
	return p
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// CutAll closes all connections there are.
func (p *Proxy) CutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.close()
	}
}

// Block says whether new connections are refused; those there are stay.
func (p *Proxy) Block(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blocked = on
}

// DropReplies says whether replies are swallowed: requests reach Redis, and the client hears nothing. A connection that has
// missed a reply is of no more use.
func (p *Proxy) DropReplies(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop = on
}

// Mute says whether published messages are swallowed, and nothing else: a subscriber's connection stands and answers, and does not
// hear what is announced.
func (p *Proxy) Mute(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = on
}

// Delay holds each reply back for so long.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// CutAfterRequest lets the next request that matches reach Redis, awaits the reply, and closes the connection to the client
// instead of giving it to him. A request is what a client sends at once: a command, a pipeline, a whole transaction. match sees its
// bytes; nil only ends an earlier call. The count of Matched starts anew.
func (p *Proxy) CutAfterRequest(match func([]byte) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.match, p.cut, p.matched = match, match != nil, 0
}

// Matched counts the requests that reached Redis since CutAfterRequest, and matched; the one that was cut is among them.
func (p *Proxy) Matched() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.matched
}

// Contains is a match for CutAfterRequest: requests that contain a text.
func Contains(text string) func([]byte) bool {
	return func(request []byte) bool { return bytes.Contains(request, []byte(text)) }
}

// accept takes in clients until the proxy is closed.
func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(client) })
	}
}

// serve connects a client with Redis until one of them ends.
func (p *Proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	l := &link{client: client, server: server}
	p.mu.Lock()
	refused := p.closed || p.blocked
	if !refused {
		p.links[l] = struct{}{}
	}
	p.mu.Unlock()
	if refused {
		l.close()
		return
	}
	var replies sync.WaitGroup
	replies.Go(func() {
		defer l.close()
		l.forwardReplies(p)
	})
	l.forwardRequests(p)
	l.finish()
	replies.Wait()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

func (p *Proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for l := range p.links {
		l.close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

// shallCut tells whether a request is the one whose reply is to be lost, and counts those that match.
func (p *Proxy) shallCut(request []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.match == nil || !p.match(request) {
		return false
	}
	p.matched++
	cut := p.cut
	p.cut = false
	return cut
}

// fate tells whether a reply is kept from the client, and for how long it is held back.
func (p *Proxy) fate(reply []byte) (swallowed bool, delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.drop || p.mute && isPublished(reply), p.delay
}

// isPublished tells whether a reply brings what was published: a push of RESP3, or an array of RESP2.
func isPublished(reply []byte) bool {
	return bytes.HasPrefix(reply, []byte(">3\r\n$7\r\nmessage\r\n")) || bytes.HasPrefix(reply, []byte("*3\r\n$7\r\nmessage\r\n"))
}

// link is a client and its connection to Redis.
type link struct {
	client, server net.Conn

	mu sync.Mutex
	// sent and answered count commands; from the command doomed on, the client gets no reply, and when that with the number last was
	// answered the link is cut. 0 for none.
	sent, answered int
	doomed, last   int
	// draining says that no more requests come: the link ends when it is to be cut, or at once.
	draining bool
}

func (l *link) close() {
	_ = l.client.Close()
	_ = l.server.Close()
}

// finish ends a link whose client sends nothing more, unless a reply is still awaited so as to be lost.
func (l *link) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining = true; l.last == 0 || l.answered >= l.last {
		l.close()
	}
}

// forwardRequests brings requests to Redis until the client ends, or its connection is to be cut.
func (l *link) forwardRequests(p *Proxy) {
	from := bufio.NewReader(l.client)
	for {
		request, commands, err := readRequest(from)
		if err != nil {
			return
		}
		cut := p.shallCut(request)
		l.mu.Lock()
		l.sent += commands
		if cut {
			l.doomed, l.last = l.sent-commands+1, l.sent
		}
		l.mu.Unlock()
		if _, err := l.server.Write(request); err != nil || cut {
			return
		}
	}
}

// forwardReplies brings replies to the client until Redis ends, or the reply that is to be lost has come.
func (l *link) forwardReplies(p *Proxy) {
	from := bufio.NewReader(l.server)
	for {
		reply, err := readValue(from, nil)
		if err != nil {
			return
		}
		l.mu.Lock()
		if reply[0] != '>' { // a push is no reply
			l.answered++
		}
		doomed := l.doomed > 0 && l.answered >= l.doomed
		done := l.last > 0 && l.answered >= l.last
		l.mu.Unlock()
		if done {
			return
		}
		swallowed, delay := p.fate(reply)
		time.Sleep(delay)
		if doomed || swallowed {
			continue
		}
		if _, err := l.client.Write(reply); err != nil {
			return
		}
	}
}
