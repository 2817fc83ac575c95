package main

import (
	"net/http"
	"time"

	"agentstate/internal/config"
	"agentstate/web"
)

// maxStreams is how many requests may run on one HTTP/2 connection at once: event streams are among them, and browsers open one
// connection for all of their tabs. It is what net/http takes by itself, said here because clients rely on it.
const maxStreams = 250

// protocols are what the server speaks on its one port: HTTP/1, which WebSockets need, and HTTP/2 without TLS for who begins with
// it (RFC 9113, section 3.3): a proxy that speaks HTTP/2 with browsers, so that they are not bound to six streams.
func protocols() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	return p
}

// http2Config bounds a connection of HTTP/2. A client that takes not a byte of all its streams is cut off as one that takes nothing of
// one, and one that is silent is asked whether it is there.
func http2Config(cfg config.Config) *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams: maxStreams,
		WriteByteTimeout:     time.Duration(cfg.SlowClientTimeout),
		SendPingTimeout:      keepAlive,
		PingTimeout:          time.Duration(cfg.SlowClientTimeout),
	}
}

// playground gives what is at /; nil for nothing.
func playground(cfg config.Config) http.Handler {
	if cfg.HidePlayground() {
		return nil
	}
	return web.Handler(!cfg.HideInspector())
}

// inspector gives what is at /threads; nil for nothing.
func inspector(cfg config.Config) http.Handler {
	if cfg.HideInspector() {
		return nil
	}
	return web.Inspector(!cfg.HidePlayground())
}
