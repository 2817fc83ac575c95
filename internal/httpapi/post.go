package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
)

// readBody reads the JSON object that a POST carries.
func (q requestReader) readBody(w http.ResponseWriter, r *http.Request) (map[string]any, *refusal) {
	if refused := checkContent(r.Header); refused != nil {
		return nil, refused
	}
	if r.ContentLength > q.maxBytes {
		return nil, q.tooLarge(r.ContentLength).lingering(w, r)
	}
	var body bytes.Buffer
	if r.ContentLength > 0 {
		body.Grow(int(min(r.ContentLength, 64<<10)) + bytes.MinRead) // not all of it on the mere word of the client
	}
	if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, q.maxBytes)); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, q.tooLarge(q.maxBytes+1).lingering(w, r) // the rest is read and forgotten
		}
		return nil, q.broken(err)
	}
	return decodeObjectOf("a request body", body.Bytes())
}

// checkContent refuses bodies that are not plain JSON in UTF-8.
func checkContent(header http.Header) *refusal {
	media, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || media != mediaJSON || !isUTF8(params["charset"]) {
		return &refusal{
			status: http.StatusUnsupportedMediaType, code: codeBadUserInput,
			message: "Send the request body as UTF-8 with `Content-Type: application/json`.",
		}
	}
	if coding := header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return &refusal{
			status: http.StatusUnsupportedMediaType, code: codeBadUserInput,
			message: "Send the request body without a `Content-Encoding`.",
			header:  http.Header{"Accept-Encoding": {"identity"}}, // RFC 9110, section 15.5.16
		}
	}
	return nil
}

// tooLarge refuses a body of so many bytes, or more.
func (q requestReader) tooLarge(actual int64) *refusal {
	return &refusal{
		status: http.StatusRequestEntityTooLarge, code: codeLimitExceeded,
		message:    fmt.Sprintf("Send a request body of at most %d bytes.", q.maxBytes),
		extensions: map[string]any{"limit": q.maxBytes, "actual": actual},
	}
}

// decodeObjectOf reads a JSON object; what names its source, for the refusal of anything else.
func decodeObjectOf(what string, data []byte) (map[string]any, *refusal) {
	value, err := decodeJSON(data)
	if err != nil {
		return nil, malformed("Send %s that %v.", what, err)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, malformed("Send %s that is a JSON object.", what)
	}
	return object, nil
}
