package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
)

// frame gives what stands ahead of resp.Data and behind it in the JSON text of an answer. The data itself is spliced in as
// the executor wrote it: json.Marshal would go through all of it once more, a quarter of the time of a request. Errors
// stand first, and an answer to a request that was not executed has no `data` at all (GraphQL specification, section
// Response Format).
func frame(resp *graphql.Response) (head, tail []byte, err error) {
	head = append(head, '{')
	if len(resp.Errors) > 0 {
		list, err := json.Marshal(resp.Errors)
		if err != nil {
			return nil, nil, fmt.Errorf("marshalling errors: %w", err)
		}
		head = append(append(head, `"errors":`...), list...)
	}
	if resp.Data != nil {
		if len(resp.Errors) > 0 {
			head = append(head, ',')
		}
		head = append(head, `"data":`...)
	}
	if len(resp.Extensions) > 0 {
		extensions, err := json.Marshal(resp.Extensions)
		if err != nil {
			return nil, nil, fmt.Errorf("marshalling extensions: %w", err)
		}
		if len(head) > 1 {
			tail = append(tail, ',')
		}
		tail = append(append(tail, `"extensions":`...), extensions...)
	}
	return head, append(tail, '}'), nil
}

// writeFrame writes the JSON text of an answer.
func writeFrame(to *bytes.Buffer, resp *graphql.Response) {
	if resp.Data != nil && len(resp.Errors) == 0 && len(resp.Extensions) == 0 { // nearly all of them
		to.WriteString(`{"data":`)
		to.Write(resp.Data)
		to.WriteByte('}')
		return
	}
	head, tail, err := frame(resp)
	if err != nil {
		panic(err)
	}
	to.Write(head)
	to.Write(resp.Data)
	to.Write(tail)
}

// writeResponse answers with what the executor gave; nil is an execution that was cancelled.
func writeResponse(w http.ResponseWriter, media string, resp *graphql.Response) {
	if resp == nil {
		refusal{
			status: http.StatusServiceUnavailable, code: codeUnavailable,
			message:    "Send the request again: the server stopped before it had an answer.",
			extensions: map[string]any{"retryAfterSeconds": 1},
			header:     http.Header{"Retry-After": {"1"}},
		}.write(w, media)
		return
	}
	head, tail, err := frame(resp)
	if err != nil {
		panic(err) // an extension of ours gave what JSON cannot hold: logged and answered where panics are
	}
	writeBody(w, statusOf(media, resp), media, head, resp.Data, tail)
}

// statusOf gives the status of an answer by GraphQL over HTTP: application/json answers 200 to every well-formed request;
// application/graphql-response+json tells by the status whether there was an execution, which is whether there is `data`,
// be it null.
func statusOf(media string, resp *graphql.Response) int {
	if media == mediaJSON || resp.Data != nil || len(resp.Errors) == 0 {
		return http.StatusOK
	}
	switch resp.Errors[0].Extensions["code"] {
	case codeUnauthenticated:
		return http.StatusUnauthorized
	case codeForbidden:
		return http.StatusForbidden
	case codeUnavailable:
		return http.StatusServiceUnavailable
	case codeInternal:
		return http.StatusInternalServerError
	default:
		return http.StatusBadRequest
	}
}
