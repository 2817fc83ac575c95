package rest

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"agentstate/internal/auth"
	"agentstate/internal/bounds"
	"agentstate/store"
)

// call is one request under way, and its answer.
type call struct {
	handler
	w       http.ResponseWriter
	out     answer
	r       *http.Request
	caller  *auth.Caller
	threads *store.Threads
	// threadID is that of the path, or of a thread that is created.
	threadID string
	// writes says that the request may have changed something when it fails.
	writes bool
	form
}

// step gives a context for one step: a write, or one read of several.
func (c *call) step() (context.Context, context.CancelFunc) {
	if c.Limits.OperationTimeout == 0 {
		return c.r.Context(), func() {}
	}
	return context.WithTimeout(c.r.Context(), c.Limits.OperationTimeout)
}

// thread takes the id of the thread out of the path.
func (c *call) thread() {
	id, err := url.PathUnescape(chi.URLParam(c.r, "thread_id"))
	if err != nil { // net/http has read the path already
		c.wrong(at("path", "thread_id"), "value_error", "Value error, give it percent-encoded")
		return
	}
	c.threadID = id
	c.checkID(at("path", "thread_id"), id)
}

// query takes a parameter out of the query, the last one of its name as FastAPI does. A query that cannot be read is refused whole: a
// parameter that was dropped would be its default, and a cleanup would delete what nobody has asked for.
func (c *call) query(name string) (value string, given bool) {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		c.wrong(at("query"), "value_error", "Value error, give the parameters percent-encoded, with & between them")
	}
	of := values[name]
	if len(of) == 0 {
		return "", false
	}
	return of[len(of)-1], true
}

// number takes a whole number out of the query; fallback is what it is where it is left out, nil for a number that must be there.
func (c *call) number(name string, fallback *int, low, high int) int {
	text, given := c.query(name)
	if !given {
		if fallback == nil {
			c.missing(at("query", name))
			return 0
		}
		return *fallback
	}
	n, ok := wholeNumber(text)
	if !ok {
		c.wrong(at("query", name), "int_parsing", "Input should be a valid integer, unable to parse string as an integer")
		return 0
	}
	c.between(at("query", name), n, low, high)
	return n
}

// pattern takes the glob out of the query.
func (c *call) pattern() string {
	pattern, given := c.query("pattern")
	switch {
	case !given:
		return "*"
	case pattern == "":
		c.wrong(at("query", "pattern"), "string_too_short", "String should have at least 1 character")
	case len(pattern) > bounds.PatternBytes:
		c.wrong(at("query", "pattern"), "string_too_long", fmt.Sprintf("String should have at most %d bytes", bounds.PatternBytes))
	}
	return pattern
}

// body reads the JSON object that the request carries. Like FastAPI it takes a body without a Content-Type as JSON: many clients send
// none. A page of a foreign origin, which could do so without asking first, is refused at the edge whatever it sends.
func (c *call) body() (object, error) {
	text, err := readAll(c.r.Body)
	if err != nil {
		return nil, err
	}
	if !isJSON(c.r.Header.Get("Content-Type")) {
		c.wrong(at("body"), "model_attributes_type", "Input should be a valid dictionary or object: send it as JSON, with Content-Type: application/json")
		return nil, c.err()
	}
	if len(text) == 0 {
		c.missing(at("body"))
		return nil, c.err()
	}
	object, problem := parseObject(text)
	if problem != nil {
		c.problems = append(c.problems, *problem)
	}
	return object, c.err()
}

func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json"))
}

// minimal tells whether the client wants nothing back of a write but that it was done (RFC 7240, section 4.2): the whole thread is what
// the old service gave, and with many messages it is much.
func (c *call) minimal() bool {
	for _, values := range c.r.Header.Values("Prefer") {
		for value := range strings.SplitSeq(values, ",") {
			if strings.EqualFold(strings.ReplaceAll(value, " ", ""), "return=minimal") {
				return true
			}
		}
	}
	return false
}

// reads is what a write reads of the thread for its answer.
func (c *call) reads() store.Read {
	if c.minimal() {
		return store.Read{}
	}
	return wholeThread
}

// current reads a thread as the answer with it begins.
func (c *call) current() (*store.AgentState, error) {
	ctx, cancel := c.step()
	defer cancel()
	return c.threads.Get(ctx, c.threadID, wholeThread)
}

// append adds messages, and reads the thread for the answer.
func (c *call) append(a store.Append) (*store.Appended, error) {
	read := c.reads()
	ctx, cancel := c.step()
	defer cancel()
	return c.threads.Append(ctx, c.threadID, a, &read)
}

// updated changes the thread, and reads it for the answer.
func (c *call) updated(u store.Update) (*store.AgentState, error) {
	read := c.reads()
	ctx, cancel := c.step()
	defer cancel()
	return c.threads.Update(ctx, c.threadID, u, &read)
}

// written answers a write with the thread as it is then, or with nothing where the client prefers that.
func (c *call) written(state *store.AgentState) error {
	if c.minimal() {
		c.w.Header().Set("Preference-Applied", "return=minimal")
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if err := c.state(state); err != nil {
		return err
	}
	return c.out.finish()
}

// absent tells whether a thread is not there, which nil is not.
func absent(err error) bool { return errors.Is(err, store.ErrNotFound) }
