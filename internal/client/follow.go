package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

const (
	// The pauses between attempts to connect again.
	minPause = 200 * time.Millisecond
	maxPause = 10 * time.Second
	// silence is how long a stream may be quiet: the server sends something well before that.
	silence = 60 * time.Second
)

// ErrOver says that the server has ended a subscription: the thread is gone.
var ErrOver = errors.New("the subscription is over")

// Follow runs a subscription over server-sent events and gives the data of each event. A broken connection, and a server that stops or cannot
// reach Redis, is tried again behind the last event, so that nothing is missed and nothing comes twice; lost hears of each of these. It
// ends with ErrOver, with what the server refuses (*Error), with the error of give, or with that of ctx. Where the server cannot be reached
// at first it ends with *UnreachableError.
// https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
func (c *Client) Follow(
	ctx context.Context, query string, variables map[string]any, give func(data json.RawMessage) error, lost func(cause error),
) error {
	var last string
	pause, began := minPause, false
	for {
		err := c.follow(ctx, query, variables, &last, func(data json.RawMessage) error {
			pause = minPause
			return give(data)
		}, func() { began = true })
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !began || !passes(err) {
			return err
		}
		lost(err)
		timer := time.NewTimer(pause/2 + rand.N(pause)) //nolint:gosec // jitter needs no secrecy
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		pause = min(2*pause, maxPause)
	}
}

// passes tells whether it is worth coming back behind an error.
func passes(err error) bool {
	var refused *Error
	if errors.As(err, &refused) {
		return refused.Code() == "UNAVAILABLE"
	}
	var unreachable *UnreachableError
	return errors.As(err, &unreachable)
}

// follow is one connection. last is the position behind which it begins, and comes to.
func (c *Client) follow(
	ctx context.Context, query string, variables map[string]any, last *string, give func(json.RawMessage) error, begun func(),
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	response, err := c.send(ctx, query, variables, "text/event-stream", *last)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	if media := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || !strings.HasPrefix(media, "text/event-stream") {
		if response.StatusCode == http.StatusServiceUnavailable || response.StatusCode == http.StatusBadGateway {
			return &UnreachableError{c.endpoint, errors.New(response.Status)}
		}
		if _, err := c.read(response); err != nil {
			return err
		}
		return ErrOver
	}
	begun()
	quiet := time.AfterFunc(silence, cancel)
	defer quiet.Stop()
	events := bufio.NewReader(response.Body)
	for {
		e, err := nextEvent(events, func() { quiet.Reset(silence) })
		if err != nil {
			return &UnreachableError{c.endpoint, err}
		}
		if e.id != "" {
			*last = e.id
		}
		switch e.name {
		case "complete":
			return ErrOver
		case "next":
			var a answer
			if err := json.Unmarshal([]byte(e.data), &a); err != nil {
				return &UnreachableError{c.endpoint, err}
			}
			if len(a.Errors) > 0 {
				return a.Errors[0]
			}
			if err := give(a.Data); err != nil {
				return err
			}
		}
	}
}

// event is a server-sent event.
type event struct{ name, id, data string }

// nextEvent reads the next event as a browser does; heard is called for everything that comes.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
func nextEvent(from *bufio.Reader, heard func()) (event, error) {
	var e event
	var data []string
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return event{}, err
		}
		heard()
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			if e.name != "" || e.id != "" || data != nil {
				e.data = strings.Join(data, "\n")
				return e, nil
			}
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			e.name = value
		case "id":
			e.id = value
		case "data":
			data = append(data, value)
		}
	}
}
