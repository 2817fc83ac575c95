// Package client asks a server by GraphQL over HTTP, and follows the messages of a thread over server-sent events through broken
// connections. The commands for those who use a server are made of it; it is an example of a client that loses nothing.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client asks one server. It is safe for concurrent use.
type Client struct {
	endpoint, token string
	http            *http.Client
	// timeout bounds a question, and how long the head of a stream may take.
	timeout time.Duration
}

// maxAnswer bounds an answer, in bytes: a page of a thousand of the largest messages.
const maxAnswer = 512 << 20

// New makes a client of the server at an address like http://127.0.0.1:8080; a path is that of the API. The token is empty where the server
// wants none.
func New(address, token string, timeout time.Duration) (*Client, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("give --url the address of a server, such as http://127.0.0.1:8080, not %q", address)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/graphql"
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is documented as one
	transport.ResponseHeaderTimeout = timeout
	return &Client{endpoint: u.String(), token: token, http: &http.Client{Transport: transport}, timeout: timeout}, nil
}

// Error is what a server refuses, by the first of its errors.
type Error struct {
	Message    string         `json:"message"`
	Extensions map[string]any `json:"extensions"`
}

func (e *Error) Error() string {
	if code := e.Code(); code != "" {
		return fmt.Sprintf("%s (%s)", e.Message, code)
	}
	return e.Message
}

// Code is that of the API's table, empty where there is none.
func (e *Error) Code() string {
	code, _ := e.Extensions["code"].(string)
	return code
}

// UnreachableError says that there was no answer.
type UnreachableError struct {
	Endpoint string
	cause    error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("there is no answer from %s: %v; is the server running, and is the address right?", e.Endpoint, e.cause)
}

func (e *UnreachableError) Unwrap() error { return e.cause }

// answer is a response of GraphQL over HTTP.
type answer struct {
	Data   json.RawMessage `json:"data"`
	Errors []*Error        `json:"errors"`
}

// Do asks, and decodes the data of the answer. Errors: *Error, *UnreachableError.
func (c *Client) Do(ctx context.Context, query string, variables map[string]any, into any) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	response, err := c.send(ctx, query, variables, "application/graphql-response+json, application/json", "")
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	data, err := c.read(response)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

// read reads a whole answer.
func (c *Client) read(response *http.Response) (json.RawMessage, error) {
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, &UnreachableError{c.endpoint, err}
	}
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil || a.Data == nil && len(a.Errors) == 0 {
		return nil, fmt.Errorf("%s answers %s with something that is no GraphQL: is it the address of the API?", c.endpoint, response.Status)
	}
	if len(a.Errors) > 0 {
		return nil, a.Errors[0]
	}
	return a.Data, nil
}

// send sends an operation and gives the head of the answer.
func (c *Client) send(ctx context.Context, query string, variables map[string]any, accept, lastEventID string) (*http.Response, error) {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return nil, fmt.Errorf("client: encode variables: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", accept)
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if lastEventID != "" {
		request.Header.Set("Last-Event-ID", lastEventID)
	}
	response, err := c.http.Do(request)
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, ctx.Err()
		}
		return nil, &UnreachableError{c.endpoint, err}
	}
	return response, nil
}
