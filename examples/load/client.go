package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

const (
	// maxTries and the waits between them, a quarter of a second to eight, give a server about twenty seconds to come back: the
	// time of a restart, or of Redis choosing another master.
	maxTries  = 8
	firstWait = 250 * time.Millisecond
	maxWait   = 8 * time.Second
	// requestTimeout is long, because a page may hold 1000 messages of 256 KiB.
	requestTimeout = 2 * time.Minute
)

// client speaks GraphQL over HTTP to one server. It is safe for concurrent use.
type client struct {
	url  string
	http *http.Client
	// wait pauses before another try, or ends early with the error of ctx.
	wait func(ctx context.Context, d time.Duration) error
	// retrying is told, in a sentence, when something has to be tried again; not about every try.
	retrying func(string)
}

// newClient gives a client that keeps as many connections as are used at once; http.DefaultTransport would keep two.
func newClient(url string, connections int) *client {
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // documented to be one
	transport.MaxIdleConnsPerHost = connections
	return &client{
		url: url, http: &http.Client{Transport: transport, Timeout: requestTimeout},
		wait: pause, retrying: func(string) {},
	}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// apiError is an error of the server's, in its own words.
type apiError struct {
	Message    string
	Extensions struct {
		Code              string
		MessageID         string
		RetryAfterSeconds float64
	}
}

func (e *apiError) Error() string {
	text := e.Message
	if e.Extensions.Code != "" {
		text = e.Extensions.Code + ": " + text
	}
	if e.Extensions.MessageID != "" {
		text += fmt.Sprintf(" (message %q)", e.Extensions.MessageID)
	}
	return text
}

// temporaryError is one that may be gone in a while: the server, or its Redis, cannot be reached.
type temporaryError struct {
	error
	after time.Duration // what the server asks to wait at least
}

func (e *temporaryError) Unwrap() error { return e.error }

const addMessages = `mutation ($input: AddMessagesInput!) { addMessages(input: $input) { duplicates } }`

// addMessages adds messages, in the JSON of MessageInput, to a thread, and tells how many of them it had already. All of them
// carry their ids: that is why sending them once more, not knowing what became of the last time, adds nothing twice.
func (c *client) addMessages(ctx context.Context, threadID string, messages []json.RawMessage, create bool) (duplicates int, err error) {
	input := map[string]any{"threadId": threadID, "messages": messages, "createIfMissing": create}
	var data struct{ AddMessages struct{ Duplicates int } }
	err = c.do(ctx, addMessages, map[string]any{"input": input}, &data)
	return data.AddMessages.Duplicates, err
}

const readMessages = `query ($threadId: ID!, $after: String) {
  agentState(threadId: $threadId) {
    messages(first: 1000, after: $after) {
      nodes { messageId type content name toolCalls { id name args } toolCallId status metadata responseMetadata usage { totalTokens } }
      pageInfo { hasNextPage endCursor }
    }
  }
}`

// page is a page of a thread's messages.
type page struct {
	Nodes    []json.RawMessage
	PageInfo struct {
		HasNextPage bool
		EndCursor   *string
	}
}

// messages reads the page behind a cursor, the first one where it is nil. Of a thread that does not exist there is
// an empty page.
func (c *client) messages(ctx context.Context, threadID string, after *string) (page, error) {
	var data struct{ AgentState *struct{ Messages page } }
	err := c.do(ctx, readMessages, map[string]any{"threadId": threadID, "after": after}, &data)
	if err != nil || data.AgentState == nil {
		return page{}, err
	}
	return data.AgentState.Messages, nil
}

// do sends an operation and decodes its data. Temporary errors are tried again, a bounded number of times.
func (c *client) do(ctx context.Context, query string, variables, data any) error {
	body, err := encode(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		err := c.post(ctx, body, data)
		var temporary *temporaryError
		if err == nil || ctx.Err() != nil || !errors.As(err, &temporary) {
			return err
		}
		if try == maxTries {
			return fmt.Errorf("gave up after %d tries: %w", try, err)
		}
		if try == 1 {
			c.retrying(fmt.Sprintf("%v; trying again up to %d times", err, maxTries-1))
		}
		if err := c.wait(ctx, backoff(try, temporary.after)); err != nil {
			return err
		}
	}
}

// post sends a request once.
func (c *client) post(ctx context.Context, body []byte, data any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return &temporaryError{error: err}
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return &temporaryError{error: fmt.Errorf("the answer broke off: %w", err)}
	}
	return decode(response.StatusCode, answer, data)
}

// decode reads an answer. One without data and errors is not of a GraphQL server, but of something ahead of it, or elsewhere.
func decode(status int, answer []byte, data any) error {
	var result struct {
		Data   json.RawMessage
		Errors []*apiError
	}
	err := json.Unmarshal(answer, &result)
	switch {
	case err == nil && len(result.Errors) > 0 && result.Errors[0] != nil:
		first := result.Errors[0]
		if first.Extensions.Code == "UNAVAILABLE" {
			return &temporaryError{first, time.Duration(first.Extensions.RetryAfterSeconds * float64(time.Second))}
		}
		return first
	case err == nil && status == http.StatusOK && len(result.Data) > 0:
		return json.Unmarshal(result.Data, data)
	}
	err = fmt.Errorf("HTTP status %d, and no answer of GraphQL: is this the address of an agentstate server?", status)
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return &temporaryError{error: err} // a proxy whose server is away for the moment
	}
	return err
}

// backoff is how long to wait after so many tries: twice as long each time, and at random in the upper half of that, so that the
// conversations that failed together do not come back together.
func backoff(try int, atLeast time.Duration) time.Duration {
	wait := min(firstWait<<(try-1), maxWait)
	wait = wait/2 + rand.N(wait/2) //nolint:gosec // nothing secret about it
	return max(wait, min(atLeast, maxWait))
}

// pause waits, or ends early with the error of ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
