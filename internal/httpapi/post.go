package httpapi

import (
	"fmt"
	"mime"
	"net/http"
)

// readBody reads the JSON object that a POST carries.
func (q requestReader) readBody(w http.ResponseWriter, r *http.Request) (map[string]any, *refusal) {
	if refused := checkContent(r.Header); refused != nil {
		return nil, refused
	}
	if r.ContentLength > q.maxBytes {
		return nil, q.tooLarge(r.ContentLength).lingering(w, r)
	}
	body, refused := q.bodyOf(w, r)
	if refused != nil {
		return nil, refused
	}
	return decodeObjectOf("a request body", body.Bytes())
}

// checkContent refuses bodies that are not JSON in UTF-8.
func checkContent(header http.Header) *refusal {
	media, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || media != mediaJSON || !isUTF8(params["charset"]) {
		return &refusal{
			status: http.StatusUnsupportedMediaType, code: codeBadUserInput,
			message: "Send the request body as UTF-8 with `Content-Type: application/json`.",
		}
	}
	return nil
}

// tooLarge refuses a body of so many bytes, or more.
func (q requestReader) tooLarge(actual int64) *refusal {
	if q.observer != nil {
		q.observer.Limit(LimitBody)
	}
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
