package httpapi

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// bodyOf reads the body of a request, out of gzip where it says so. The limit holds for what is sent and for what comes out of it:
// of a body that would become larger, no more than the limit is ever unpacked.
func (q requestReader) bodyOf(w http.ResponseWriter, r *http.Request) (*bytes.Buffer, *refusal) {
	coding := strings.ToLower(strings.Join(r.Header.Values("Content-Encoding"), ","))
	plain := coding == "" || coding == "identity"
	if !plain && coding != "gzip" && coding != "x-gzip" { // RFC 9110, section 8.4.1.3
		return nil, &refusal{
			status: http.StatusUnsupportedMediaType, code: codeBadUserInput,
			message: "Send the request body with `Content-Encoding: gzip`, or without.",
			header:  http.Header{"Accept-Encoding": {"gzip, identity"}}, // section 15.5.16
		}
	}
	var body bytes.Buffer
	if r.ContentLength > 0 {
		body.Grow(int(min(r.ContentLength, 64<<10)) + bytes.MinRead) // not all of it on the mere word of the client
	}
	sent := http.MaxBytesReader(w, r.Body, q.maxBytes)
	if plain {
		_, err := body.ReadFrom(sent)
		return &body, q.broken(w, r, err, "Send the whole request body: it broke off.")
	}
	const wrong = "Send the request body as gzip that is whole, or without `Content-Encoding`."
	unpacker, err := gzip.NewReader(sent)
	if err != nil {
		return nil, q.broken(w, r, err, wrong)
	}
	_, err = body.ReadFrom(io.LimitReader(unpacker, q.maxBytes+1))
	if int64(body.Len()) > q.maxBytes {
		return nil, q.tooLarge(q.maxBytes+1).lingering(w, r) // the rest is not unpacked
	}
	return &body, q.broken(w, r, err, wrong)
}
