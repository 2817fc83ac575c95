package httpapi_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/httpapi"
)

// rawSocket is a WebSocket of which each byte is the test's own.
type rawSocket struct {
	net.Conn
	in *bufio.Reader
}

// The kinds of frames (RFC 6455, section 5.2).
const (
	frameText  = 0x81
	frameBin   = 0x82
	frameClose = 0x88
	framePing  = 0x89
	framePong  = 0x8A
)

func (s *server) dialRaw(t testing.TB, protocol string) *rawSocket {
	t.Helper()
	conn, err := net.Dial(s.Listener.Addr().Network(), s.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = fmt.Fprintf(conn, "GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", protocol)
	require.NoError(t, err)
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusSwitchingProtocols, response.StatusCode)
	return &rawSocket{conn, in}
}

// rawFrame makes a frame whose mask is zero, so that its payload shows.
func rawFrame(first byte, payload string) string {
	head := []byte{first}
	switch n := len(payload); {
	case n < 126:
		head = append(head, 0x80|byte(n))
	case n < 1<<16:
		head = binary.BigEndian.AppendUint16(append(head, 0x80|126), uint16(n))
	default:
		head = binary.BigEndian.AppendUint64(append(head, 0x80|127), uint64(n))
	}
	return string(head) + "\x00\x00\x00\x00" + payload
}

// frame reads a frame of the server: its first byte and its payload.
func (c *rawSocket) frame() (first byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return 0, nil, err
	}
	size := int64(head[1])
	if extended := map[int64]int{126: 2, 127: 8}[size]; extended > 0 {
		var bytes [8]byte
		if _, err := io.ReadFull(c.in, bytes[8-extended:]); err != nil {
			return 0, nil, err
		}
		size = int64(binary.BigEndian.Uint64(bytes[:]))
	}
	payload = make([]byte, size)
	_, err = io.ReadFull(c.in, payload)
	return head[0], payload, err
}

// closing reads until the server's close frame, and gives its code, 1005 where it has none, and the texts that came before.
func (c *rawSocket) closing() (code uint16, texts []string, err error) {
	for {
		first, payload, err := c.frame()
		switch {
		case err != nil:
			return 0, texts, err
		case first == frameClose && len(payload) < 2:
			return 1005, texts, nil
		case first == frameClose:
			return binary.BigEndian.Uint16(payload), texts, nil
		case first == frameText:
			texts = append(texts, string(payload))
		case first != framePong:
			return 0, texts, fmt.Errorf("a frame of the unknown kind %x", first)
		}
	}
}

// The WebSocket below the subprotocols: what breaches RFC 6455 is closed with the code that it names.
func TestCloseCodesOfFrames(t *testing.T) {
	const init = `{"type":"connection_init"}`
	const none = 0 // the server hangs up without a goodbye
	for name, c := range map[string]struct {
		sent string
		code uint16
	}{
		"frame without a mask":                    {"\x81\x02{}", none}, // section 5.1 leaves the goodbye open
		"reserved bit":                            {rawFrame(0xC1, init), 1002},
		"unknown kind":                            {rawFrame(0x83, init), 1002},
		"continuation of nothing":                 {rawFrame(0x80, init), 1002},
		"message within a message":                {rawFrame(0x01, init) + rawFrame(frameText, init), 1002},
		"ping of more than 125 bytes":             {rawFrame(framePing, strings.Repeat("x", 126)), 1002},
		"ping in parts":                           {rawFrame(0x09, "x"), 1002},
		"goodbye with a code":                     {rawFrame(frameClose, "\x03\xe8"), 1000},
		"goodbye with a code of one's own":        {rawFrame(frameClose, "\x0f\xa0bye"), 4000},
		"goodbye without a code":                  {rawFrame(frameClose, ""), 1005},
		"goodbye with a code that must not be":    {rawFrame(frameClose, "\x03\xed"), 1002},
		"goodbye with half a code":                {rawFrame(frameClose, "\x03"), 1002},
		"message too large":                       {rawFrame(frameText, strings.Repeat(" ", 2000)), 1009},
		"message too large in parts":              {rawFrame(0x01, strings.Repeat(" ", 900)) + rawFrame(0x80, strings.Repeat(" ", 900)), 1009},
		"message that is announced as too large":  {"\x81\xff\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00" + strings.Repeat(" ", 2000), 1009},
		"text that is no UTF-8":                   {rawFrame(frameText, "\"\xff\""), 4400},
		"binary message that is none of ours":     {rawFrame(frameBin, "\x00\x01"), 4400},
		"message in parts with a ping in between": {rawFrame(0x01, `{"type":`) + rawFrame(framePing, "p") + rawFrame(0x80, `"nonsense"}`), 4400},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, func(c *httpapi.Config) { c.MaxRequestBytes = 1000 })
			conn := s.dialRaw(t, "graphql-transport-ws")
			_, err := io.WriteString(conn, c.sent)
			require.NoError(t, err)
			code, texts, err := conn.closing()
			if c.code == none {
				require.ErrorIs(t, err, io.EOF)
			} else {
				require.NoError(t, err)
			}
			assert.Equal(t, c.code, code)
			assert.Empty(t, texts)
			require.NoError(t, conn.Close())
			s.finish(t)
		})
	}
}

// The older subprotocol has no close codes of its own: the newer one's are used, but for an id in use, which is replaced.
func TestCloseCodesOfTheOlderSubprotocol(t *testing.T) {
	const init, start = `{"type":"connection_init"}`, `{"id":"1","type":"start","payload":{"query":"{ agentStateCount }"}}`
	for name, c := range map[string]struct {
		messages []string
		code     uint16
	}{
		"two inits":            {[]string{init, init}, 4429},
		"started too early":    {[]string{start}, 4401},
		"no JSON":              {[]string{init, `{`}, 4400},
		"type of another time": {[]string{init, `{"type":"subscribe","id":"1","payload":{}}`}, 4400},
		"ping":                 {[]string{init, `{"type":"ping"}`}, 4400}, // it has none
		"no id":                {[]string{init, `{"type":"start","payload":{}}`}, 4400},
		"stop without an id":   {[]string{init, `{"type":"stop"}`}, 4400},
		"terminated":           {[]string{init, `{"type":"connection_terminate"}`}, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			conn := s.dialRaw(t, "graphql-ws")
			for _, message := range c.messages {
				_, err := io.WriteString(conn, rawFrame(frameText, message))
				require.NoError(t, err)
			}
			code, texts, err := conn.closing()
			require.NoError(t, err)
			assert.Equal(t, c.code, code)
			want := []string{`{"type":"connection_ack"}`, `{"type":"ka"}`}
			if c.messages[0] != init {
				want = nil
			}
			assert.Equal(t, want, texts)
			require.NoError(t, conn.Close())
			s.finish(t)
		})
	}
}

// FuzzMessages sends messages, separated by line feeds, over a connection of either subprotocol. Whatever they are, the server
// answers with messages that are of the protocol, and the connection ends with a close code that is defined.
func FuzzMessages(f *testing.F) {
	const init = `{"type":"connection_init"}` + "\n"
	for _, seed := range []string{
		"", init + init, init + `{"type":"ping"}` + "\n" + `{"type":"pong","payload":{}}`,
		init + `{"id":"1","type":"subscribe","payload":{"query":"{ agentStateCount }"}}`,
		init + `{"id":"1","type":"start","payload":{"query":"{ agentStateCount }","variables":{"a":[1e400]}}}` + "\n" + `{"id":"1","type":"stop"}`,
		init + `{"id":"1","type":"subscribe","payload":{"query":"subscription { agentStateChanged(threadId: \"a\") { version } }"}}` + "\n" +
			`{"id":"1","type":"complete"}` + "\n" + `{"id":"1","type":"subscribe","payload":{"query":"{ nothing }"}}`,
		init + `{"id":"1","type":"subscribe","payload":{"query":"","extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}}}}`,
		init + `{"type":"connection_terminate"}`, `[]`, `{"type":1}`, "{\"type\":\"\xff\"}",
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	s := newFuzzedServer(f)
	f.Fuzz(func(t *testing.T, messages string, older bool) {
		protocol, stop := "graphql-transport-ws", `{"type":"this ends it"}`
		if older {
			protocol = "graphql-ws"
		}
		var sent bytes.Buffer
		for message := range strings.SplitSeq(messages, "\n") {
			sent.WriteString(rawFrame(frameText, message))
		}
		sent.WriteString(rawFrame(frameText, stop))
		s.judge(t, protocol, sent.Bytes())
	})
}

// FuzzFrames sends any bytes behind the handshake, and then the end of the stream.
func FuzzFrames(f *testing.F) {
	init := rawFrame(frameText, `{"type":"connection_init"}`)
	for _, seed := range []string{
		"", init, "\x81\x02{}", rawFrame(0xC1, "x"), rawFrame(0x80, "x"), rawFrame(frameClose, "\x03\xe8"), rawFrame(framePing, "x"),
		init[:len(init)-3], init + rawFrame(0x01, `{"type":`) + rawFrame(framePing, "") + rawFrame(0x80, `"ping"}`),
		init + rawFrame(frameBin, `{"id":"1","type":"subscribe","payload":{"query":"{ agentStateCount }"}}`),
		"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	s := newFuzzedServer(f)
	f.Fuzz(func(t *testing.T, sent []byte, older bool) {
		protocol := "graphql-transport-ws"
		if older {
			protocol = "graphql-ws"
		}
		s.judge(t, protocol, sent)
	})
}

// newFuzzedServer starts a server on a socket of the file system: each connection over TCP would keep a port for a minute, and
// fuzzing opens thousands in a second.
func newFuzzedServer(f *testing.F) *server {
	f.Helper()
	s := newUnstartedServer(f, func(c *httpapi.Config) { c.MaxRequestBytes = 10_000 })
	require.NoError(f, s.Listener.Close())
	folder, err := os.MkdirTemp("", "fuzz") // a short name: a socket's path has room for 108 bytes
	require.NoError(f, err)
	f.Cleanup(func() { _ = os.RemoveAll(folder) })
	s.Listener, err = net.Listen("unix", filepath.Join(folder, "s"))
	require.NoError(f, err)
	s.Start()
	go s.forget()
	return s
}

// forget takes what the stubs tell of their calls until the server stops, since nobody else does.
func (s *server) forget() {
	for {
		select {
		case <-s.stub.subscribed:
		case <-s.stub.parameters:
		case <-s.served:
		case <-s.Config.BaseContext(nil).Done():
			return
		}
	}
}

// judge sends bytes over a connection and ends them, and checks all that the server says until it closes.
func (s *server) judge(t *testing.T, protocol string, sent []byte) {
	t.Helper()
	conn := s.dialRaw(t, protocol)
	defer conn.Close()
	go func() { // ends with the connection
		_, _ = conn.Write(sent)
		_ = conn.Conn.(interface{ CloseWrite() error }).CloseWrite()
	}()
	code, texts, err := conn.closing()
	for _, text := range texts {
		var message struct{ Type string }
		require.NoError(t, json.Unmarshal([]byte(text), &message), text)
		require.Contains(t, []string{"connection_ack", "next", "data", "error", "complete", "pong", "ka"}, message.Type)
	}
	require.NotContains(t, s.log.String(), "panic while serving")
	if err != nil { // without a goodbye only where the client broke off, or did not wait for it
		require.True(t, errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET), "%v", err)
		return
	}
	own := code == 1000 || code == 1002 || code == 1005 || code == 1009 || code >= 4400 && code < 4430
	// A goodbye of the client is answered with its own code, if that is one that may be sent (RFC 6455, section 7.4).
	echo := bytes.IndexByte(sent, frameClose) >= 0 && (code >= 1000 && code < 1015 || code >= 3000 && code < 5000)
	require.True(t, own || echo, "closed with %d", code)
}
