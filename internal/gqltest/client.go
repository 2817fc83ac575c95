// Package gqltest is a client of the GraphQL API for tests: requests over HTTP, and subscriptions over WebSockets and event
// streams. It speaks the protocols itself, so that a test sees what was on the wire. Everything it opens ends with the test.
// Only tests may use it.
package gqltest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Patience bounds what must come soon; a test that passes never waits for it.
const Patience = 30 * time.Second

// Client talks to one server. It is safe for concurrent use.
type Client struct {
	// URL is the root of the server, such as http://127.0.0.1:8080.
	URL  string
	HTTP *http.Client
	// Extensions go with every operation; nil is none.
	Extensions any
}

// New gives a client with connections of its own.
func New(tb testing.TB, url string) *Client {
	tb.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	tb.Cleanup(transport.CloseIdleConnections)
	return &Client{URL: url, HTTP: &http.Client{Transport: transport}}
}

// Error is one entry of `errors`.
type Error struct {
	Message    string
	Path       []any
	Extensions map[string]any
}

// Code is extensions.code; empty where there is none.
func (e Error) Code() string {
	code, _ := e.Extensions["code"].(string)
	return code
}

// result is the body of an answer. Data is nil where the answer has none, and `null` where it is null.
type result struct {
	Data   json.RawMessage
	Errors []Error
}

// Do sends an operation by POST; vars is anything that is JSON, nil for none. A status of 0 says that there was no answer, or
// none that is GraphQL: then the message of the only error says why, without a code.
func (c *Client) Do(ctx context.Context, query string, vars any) (data json.RawMessage, errs []Error, status int) {
	status, body, err := c.post(ctx, query, vars)
	var got result
	if err == nil {
		err = json.Unmarshal(body, &got)
	}
	if err != nil {
		return nil, []Error{{Message: fmt.Sprintf("gqltest: %v: %s", err, body)}}, 0
	}
	return got.Data, got.Errors, status
}

func (c *Client) post(ctx context.Context, query string, vars any) (int, []byte, error) {
	request, err := c.request(ctx, query, vars)
	if err != nil {
		return 0, nil, err
	}
	response, err := c.HTTP.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

func (c *Client) request(ctx context.Context, query string, vars any) (*http.Request, error) {
	payload, err := c.encode(query, vars)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/graphql", bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	return request, nil
}

// encode gives the JSON of an operation, the same in all protocols.
func (c *Client) encode(query string, vars any) (json.RawMessage, error) {
	return json.Marshal(struct {
		Query      string `json:"query,omitempty"`
		Variables  any    `json:"variables,omitempty"`
		Extensions any    `json:"extensions,omitempty"`
	}{query, vars, c.Extensions})
}

// Must sends an operation that must succeed, and decodes its data; into may be nil.
func (c *Client) Must(tb testing.TB, query string, vars, into any) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), Patience)
	defer cancel()
	data, errs, status := c.Do(ctx, query, vars)
	require.Empty(tb, errs, "the operation failed: %s", query)
	require.Equal(tb, http.StatusOK, status)
	if into != nil {
		require.NoError(tb, json.Unmarshal(data, into))
	}
}

// Fail sends an operation that must fail with one error, and gives that.
func (c *Client) Fail(tb testing.TB, query string, vars any) Error {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), Patience)
	defer cancel()
	data, errs, _ := c.Do(ctx, query, vars)
	require.Len(tb, errs, 1, "the operation gave %s: %s", data, query)
	return errs[0]
}

// Answer is an answer to an HTTP request, read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Send makes any request; header alternates names and values.
func (c *Client) Send(tb testing.TB, method, path, body string, header ...string) Answer {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), Patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader([]byte(body)))
	require.NoError(tb, err)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := c.HTTP.Do(request)
	require.NoError(tb, err)
	defer response.Body.Close() //nolint:errcheck // it was only read
	read, err := io.ReadAll(response.Body)
	require.NoError(tb, err)
	return Answer{Status: response.StatusCode, Header: response.Header, Body: string(read)}
}

// Errors gives the errors of a body.
func (a Answer) Errors(tb testing.TB) []Error {
	tb.Helper()
	var got result
	require.NoError(tb, json.Unmarshal([]byte(a.Body), &got), a.Body)
	return got.Errors
}
