package gqltest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
)

// openMultipart subscribes by the multipart subscription protocol, as Apollo Client's HttpLink does.
// https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol
func (c *Client) openMultipart(query string, vars any) (*Stream, error) {
	ctx, cancel := context.WithCancel(context.Background())
	response, parts, err := c.openParts(ctx, query, vars)
	if err != nil {
		cancel()
		return nil, err
	}
	return newStream(ctx, cancel, func(give func(Event) bool) error {
		defer response.Body.Close() //nolint:errcheck // it was only read
		return readParts(parts, give)
	}), nil
}

func (c *Client) openParts(ctx context.Context, query string, vars any) (*http.Response, *multipart.Reader, error) {
	request, err := c.request(ctx, query, vars)
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Accept", "multipart/mixed;subscriptionSpec=1.0")
	response, err := c.HTTP.Do(request)
	if err != nil {
		return nil, nil, err
	}
	media, params, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil || response.StatusCode != http.StatusOK || media != "multipart/mixed" || params["subscriptionspec"] != "1.0" {
		_ = response.Body.Close()
		return nil, nil, fmt.Errorf("gqltest: no multipart subscription but %s, %s", response.Status, media)
	}
	return response, multipart.NewReader(response.Body, params["boundary"]), nil
}

// readParts gives each result, and Complete at the last boundary. An error of the transport ends it.
func readParts(parts *multipart.Reader, give func(Event) bool) error {
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF { // so it says that the last boundary was there
			give(Event{Complete: true})
			return nil
		}
		if err != nil {
			return err
		}
		var got struct {
			Payload *result
			Errors  []Error
		}
		if err := json.NewDecoder(part).Decode(&got); err != nil {
			return fmt.Errorf("gqltest: a part is no JSON: %w", err)
		}
		switch {
		case len(got.Errors) > 0:
			return fmt.Errorf("gqltest: the transport has failed: %s %s", got.Errors[0].Code(), got.Errors[0].Message)
		case got.Payload != nil:
			if !give(Event{Data: got.Payload.Data, Errors: got.Payload.Errors}) {
				return nil
			}
		}
	}
}
