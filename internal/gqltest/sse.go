package gqltest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// openSSE subscribes over server-sent events, in the distinct connections mode of GraphQL over SSE. It returns when the
// stream is open, which does not mean that the server listens already.
// https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
func (c *Client) openSSE(query string, vars any) (*Stream, error) {
	ctx, cancel := context.WithCancel(context.Background())
	response, err := c.openEvents(ctx, query, vars)
	if err != nil {
		cancel()
		return nil, err
	}
	return newStream(ctx, cancel, func(give func(Event) bool) error {
		defer response.Body.Close() //nolint:errcheck // it was only read
		return readEvents(bufio.NewReader(response.Body), give)
	}), nil
}

func (c *Client) openEvents(ctx context.Context, query string, vars any) (*http.Response, error) {
	request, err := c.request(ctx, query, vars)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "text/event-stream")
	response, err := c.HTTP.Do(request)
	if err != nil {
		return nil, err
	}
	if media := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || media != "text/event-stream" {
		_ = response.Body.Close()
		return nil, fmt.Errorf("gqltest: no event stream but %s, %s", response.Status, media)
	}
	return response, nil
}

// readEvents reads events as a browser does, and gives each. The end of the body is io.EOF.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
func readEvents(body *bufio.Reader, give func(Event) bool) error {
	name, data := "", []string(nil)
	for {
		line, err := body.ReadString('\n')
		if err != nil {
			if line != "" || name != "" || data != nil {
				return fmt.Errorf("gqltest: the stream broke off within an event: %w", io.ErrUnexpectedEOF)
			}
			return err
		}
		field, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case strings.TrimSpace(line) != "":
			switch field {
			case "event":
				name = value
			case "data":
				data = append(data, value)
			}
			continue
		case data == nil: // a browser passes nothing on without data
			name = ""
			continue
		}
		e, err := event(name, strings.Join(data, "\n"))
		if err != nil || !give(e) {
			return err
		}
		name, data = "", nil
	}
}

func event(name, data string) (Event, error) {
	switch name {
	case "next":
		var got result
		err := json.Unmarshal([]byte(data), &got)
		return Event{Data: got.Data, Errors: got.Errors}, err
	case "complete":
		return Event{Complete: true}, nil
	}
	return Event{}, fmt.Errorf("gqltest: unknown event of the server: %q", name)
}
