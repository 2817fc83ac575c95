package httpapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// The codes of the API's error table (API reference, Errors) that the edge itself gives or acts on.
const (
	codeBadUserInput    = "BAD_USER_INPUT"
	codeNotFound        = "NOT_FOUND"
	codeLimitExceeded   = "LIMIT_EXCEEDED"
	codeUnauthenticated = "UNAUTHENTICATED"
	codeForbidden       = "FORBIDDEN"
	codeUnavailable     = "UNAVAILABLE"
	codeUnknownQuery    = "PERSISTED_QUERY_NOT_FOUND"
	codeInternal        = "INTERNAL_SERVER_ERROR"
)

// refusal is the answer to a request that did not get as far as an execution.
type refusal struct {
	status     int
	code       string
	message    string         // one sentence that says what to do
	extensions map[string]any // next to the code; may be nil
	header     http.Header    // may be nil
	after      func()         // what follows when the answer is written; may be nil
}

// response gives the refusal as a GraphQL answer.
func (f refusal) response() *graphql.Response {
	extensions := map[string]any{"code": f.code}
	maps.Copy(extensions, f.extensions)
	return &graphql.Response{Errors: gqlerror.List{{Message: f.message, Extensions: extensions}}}
}

// write answers with the refusal in the given media type.
func (f refusal) write(w http.ResponseWriter, media string) {
	if takesDetail(w) {
		f.writeDetail(w)
		return
	}
	maps.Copy(w.Header(), f.header)
	body, err := json.Marshal(struct {
		Errors gqlerror.List `json:"errors"`
	}{f.response().Errors})
	if err != nil {
		panic(fmt.Errorf("a refusal holds only strings and numbers: %w", err))
	}
	writeBody(w, f.status, media, body)
	if f.after != nil {
		f.after()
	}
}

func malformed(format string, args ...any) *refusal {
	return &refusal{status: http.StatusBadRequest, code: codeBadUserInput, message: fmt.Sprintf(format, args...)}
}

func wrongMethod(message string, allowed ...string) refusal {
	return refusal{
		status: http.StatusMethodNotAllowed, code: codeBadUserInput, message: message,
		header: http.Header{"Allow": {strings.Join(allowed, ", ")}},
	}
}

// writeBody answers with the parts of a body, one behind the other. A failed write is a client that has gone: nobody is
// left to be told.
func writeBody(w http.ResponseWriter, status int, media string, parts ...[]byte) {
	header := w.Header()
	parts = pack(w, header, parts)
	header.Set("Content-Type", media+"; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(lengthOf(parts)))
	// Answers are private and of the moment; no cache on the way may keep one.
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if lengthOf(parts) <= mostJoined {
		parts = [][]byte{slices.Concat(parts...)}
	}
	for _, part := range parts {
		_, _ = w.Write(part)
	}
}

// mostJoined is the size in bytes up to which a body is put together ahead of its one write: a copy costs less than the system calls
// by which net/http sends a large part and its neighbours.
const mostJoined = 64 << 10

// clip shortens a text that comes from a client for use in an error.
func clip(text string) string {
	const most = 100
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
