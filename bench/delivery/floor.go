//go:build linux

package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// runFloor serves what there is to compare with: WebSockets whose messages it does not read, and a POST that writes one ready-made
// frame to all of them.
func runFloor() error {
	var mu sync.Mutex
	conns := make(map[*websocket.Conn]struct{})
	content, err := json.Marshal(text)
	if err != nil {
		return err
	}
	frame := []byte(`{"id":"1","type":"next","payload":{"data":{"messageAdded":{"seq":12345,"messageId":"0x1400012 12345","type":"AI","content":` +
		string(content) + `,"timestamp":"2026-11-23T12:00:00.123456Z"}}}}`)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			mu.Lock()
			defer mu.Unlock()
			for conn := range conns {
				_ = conn.Write(context.Background(), websocket.MessageText, frame)
			}
			return
		}
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"graphql-transport-ws"}})
		if err != nil {
			return
		}
		if _, _, err := conn.Read(context.Background()); err != nil {
			return
		}
		_ = conn.Write(context.Background(), websocket.MessageText, []byte(`{"type":"connection_ack"}`))
		if _, _, err := conn.Read(context.Background()); err != nil { // subscribe
			return
		}
		mu.Lock()
		conns[conn] = struct{}{}
		_ = conn.Write(context.Background(), websocket.MessageText, frame) // so that the client knows
		mu.Unlock()
		_, _, _ = conn.Read(context.Background()) // until it goes
		mu.Lock()
		delete(conns, conn)
		mu.Unlock()
	})
	server := &http.Server{Addr: os.Getenv("LISTEN_ADDR"), Handler: handler, ReadHeaderTimeout: time.Minute}
	return server.ListenAndServe()
}
