//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/gorilla/websocket"
	"github.com/redis/go-redis/v9"
)

// hub passes what is announced of threads on to listeners. Each has two goroutines, one that reads and one that writes, as in the
// examples of gorilla/websocket. It keeps no order, fills no gaps, and drops what a slow listener does not take.
type hub struct {
	floor    *floor
	pubsub   *redis.PubSub
	upgrader websocket.Upgrader

	mu       sync.Mutex
	channels map[string]map[*listener]struct{}
}

type listener struct {
	conn *websocket.Conn
	out  chan *websocket.PreparedMessage
}

func newHub(f *floor) *hub {
	h := &hub{floor: f, pubsub: f.rdb.Subscribe(context.Background()), channels: make(map[string]map[*listener]struct{})}
	h.upgrader.Subprotocols = []string{"graphql-transport-ws"}
	go h.pass(h.pubsub.Channel(redis.WithChannelSize(1000))) // lives as long as the process
	return h
}

// listen serves a listener. It tells it when it is subscribed.
func (h *hub) listen(w http.ResponseWriter, r *http.Request) {
	channel := h.floor.layout.Thread("", r.URL.Query().Get("id")).Channel
	conn, err := h.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	l := &listener{conn: conn, out: make(chan *websocket.PreparedMessage, 64)}
	go l.write()
	if err := h.join(channel, l); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
	}
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			break
		}
	}
	h.leave(channel, l)
}

func (l *listener) write() {
	for message := range l.out {
		if l.conn.WritePreparedMessage(message) != nil {
			break
		}
	}
	_ = l.conn.Close()
}

func (h *hub) join(channel string, l *listener) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.channels[channel] == nil {
		h.channels[channel] = make(map[*listener]struct{})
		if err := h.pubsub.Subscribe(context.Background(), channel); err != nil {
			return err
		}
	}
	h.channels[channel][l] = struct{}{}
	return nil
}

func (h *hub) leave(channel string, l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.channels[channel], l)
	close(l.out)
}

// pass makes one frame of each announcement, and gives it to all listeners of its thread.
func (h *hub) pass(announcements <-chan *redis.Message) {
	for a := range announcements {
		parts := strings.SplitN(a.Payload, ":", 6)
		if len(parts) < 6 || parts[5] == "" {
			continue
		}
		text, err := h.floor.appendMessage([]byte(`{"id":"1","type":"next","payload":{"data":{"messageAdded":`), parts[5], listenerFields)
		if err != nil {
			fmt.Fprintln(os.Stderr, "floor:", err)
			continue
		}
		frame, err := websocket.NewPreparedMessage(websocket.TextMessage, append(text, `}}}`...))
		if err != nil {
			continue
		}
		h.mu.Lock()
		for l := range h.channels[a.Channel] {
			select {
			case l.out <- frame:
			default:
			}
		}
		h.mu.Unlock()
	}
}
