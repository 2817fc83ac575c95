package rest

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// spillBytes is how much of an answer is held before it goes out: what is smaller has a length and can still be an error, what is
// larger is never in memory as a whole.
const spillBytes = 64 << 10

// answer is the JSON of an answer while it is made.
type answer struct {
	w   http.ResponseWriter
	buf []byte
	// sent says that the status and a part are out already.
	sent bool
}

// errGone says that the client has gone, or has taken nothing for too long.
var errGone = errors.New("the client has gone")

// spill sends what there is, where it is enough.
func (a *answer) spill() error {
	if len(a.buf) < spillBytes {
		return nil
	}
	return a.send()
}

func (a *answer) send() error {
	if !a.sent {
		a.w.Header().Set("Content-Type", "application/json")
		a.w.Header().Set("Cache-Control", "no-store")
		a.w.WriteHeader(http.StatusOK)
		a.sent = true
	}
	if _, err := a.w.Write(a.buf); err != nil {
		return errGone
	}
	a.buf = a.buf[:0]
	return nil
}

// finish sends the rest.
func (a *answer) finish() error {
	if a.sent {
		return a.send()
	}
	writeBody(a.w, http.StatusOK, a.buf)
	return nil
}

// raw adds a piece of JSON as it stands.
func (a *answer) raw(text string) { a.buf = append(a.buf, text...) }

// key adds `"name":`, behind a comma where something is ahead of it.
func (a *answer) key(name string) {
	if last := a.buf[len(a.buf)-1]; last != '{' {
		a.buf = append(a.buf, ',')
	}
	a.buf = append(append(append(a.buf, '"'), name...), '"', ':')
}

// text adds a string, whatever is in it: what is no UTF-8 becomes U+FFFD.
func (a *answer) text(text string) {
	a.buf, _ = jsontext.AppendQuote(a.buf, text)
}

// json adds a stored value as it lies there; nil is null.
func (a *answer) json(raw json.RawMessage) {
	if raw == nil {
		raw = json.RawMessage("null")
	}
	a.buf = append(a.buf, raw...)
}

// timeForm is RFC 3339 in UTC with microseconds. The zone is +00:00 and not Z, which fromisoformat of Python does not read before 3.11.
const timeForm = `"2006-01-02T15:04:05.000000+00:00"`

func (a *answer) time(t time.Time) { a.buf = t.UTC().AppendFormat(a.buf, timeForm) }

// comma adds a comma ahead of each item of a list but the first.
func (a *answer) comma(i int) {
	if i > 0 {
		a.buf = append(a.buf, ',')
	}
}

func (a *answer) number(n int) { a.buf = strconv.AppendInt(a.buf, int64(n), 10) }

func (a *answer) boolean(b bool) { a.buf = strconv.AppendBool(a.buf, b) }

func (a *answer) texts(list []string) {
	a.raw("[")
	for i, text := range list {
		a.comma(i)
		a.text(text)
	}
	a.raw("]")
}
