package store

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	strict "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The service that this one replaces kept each thread as one JSON document, written by SETEX at P:<id>:
//
//	{thread_id, messages: [{message_type, content, timestamp, metadata}], message_counts, reduced_context: {context}, relevant,
//	 plan: [{plan_id, subtasks}], tool_calls: [{tool_id, plan_id, tool, parameters, tool_response}], created_at, last_updated, ttl_seconds}
//
// A document is read strictly: repeated keys, bad UTF-8, members of other names and values of other types are refused, each with its
// place, so that nothing is adopted that would lose something on the way. Where Python may write None, null is nothing given.

// oldDocument is such a document. message_counts says only what the messages say too.
type oldDocument struct {
	ThreadID       *string        `json:"thread_id"`
	Messages       *[]oldMessage  `json:"messages"`
	MessageCounts  jsontext.Value `json:"message_counts"`
	ReducedContext struct {
		Context string `json:"context"`
	} `json:"reduced_context"`
	Relevant    bool          `json:"relevant"`
	Plan        []oldPlan     `json:"plan"`
	ToolCalls   []oldToolCall `json:"tool_calls"`
	CreatedAt   string        `json:"created_at"`
	LastUpdated string        `json:"last_updated"`
	TTLSeconds  int64         `json:"ttl_seconds"`
}

type oldMessage struct {
	MessageType *string        `json:"message_type"`
	Content     jsontext.Value `json:"content"`
	Timestamp   string         `json:"timestamp"`
	Metadata    jsontext.Value `json:"metadata"`
}

type oldPlan struct {
	PlanID   string   `json:"plan_id"`
	Subtasks []string `json:"subtasks"`
}

type oldToolCall struct {
	ToolID       string         `json:"tool_id"`
	PlanID       *string        `json:"plan_id"`
	Tool         *string        `json:"tool"`
	Parameters   jsontext.Value `json:"parameters"`
	ToolResponse jsontext.Value `json:"tool_response"`
}

// OldDocumentError says that a document of the replaced service cannot be adopted, so that it was left as it is.
type OldDocumentError struct {
	Key string
	// Place is where in the document, such as messages[3].content; empty for all of it.
	Place string
	Why   string
}

func (e *OldDocumentError) Error() string {
	return fmt.Sprintf("the document at %q cannot be adopted and was left as it is: %s %s", e.Key, cmp.Or(e.Place, "it"), e.Why)
}

// oldThread is what becomes of a document.
type oldThread struct {
	ttl              time.Duration
	created, updated time.Time
	relevant         bool
	context          string
	plan, toolCalls  string
	ids, elements    []string
	counts           map[string]int
}

// parseOldThread reads the document of a thread; *OldDocumentError, without its key. The same document gives the same thread: ids are
// made of the thread's id and the place.
func parseOldThread(threadID string, raw []byte, defaultTTL time.Duration) (*oldThread, error) {
	var d oldDocument
	if err := strict.Unmarshal(raw, &d, strict.RejectUnknownMembers(true)); err != nil {
		return nil, oldError(err)
	}
	switch {
	case d.ThreadID == nil:
		return nil, &OldDocumentError{Place: "thread_id", Why: "is missing"}
	case *d.ThreadID != threadID:
		return nil, &OldDocumentError{Place: "thread_id", Why: "is not the id that its key has"}
	case !validThreadID(threadID):
		return nil, &OldDocumentError{Place: "thread_id", Why: "is not 1 to 255 bytes of text without control characters"}
	case d.Messages == nil:
		return nil, &OldDocumentError{Place: "messages", Why: "is missing"}
	}
	t := &oldThread{ttl: defaultTTL, relevant: d.Relevant, context: d.ReducedContext.Context, counts: make(map[string]int)}
	if d.TTLSeconds > 0 {
		t.ttl = time.Duration(min(d.TTLSeconds, maxTTLSeconds)) * time.Second
	}
	if err := t.takeTimes(&d); err != nil {
		return nil, err
	}
	if err := t.takeMessages(threadID, *d.Messages); err != nil {
		return nil, err
	}
	return t, t.takeRuns(threadID, &d)
}

// maxTTLSeconds is the longest TTL of a thread, a year.
const maxTTLSeconds = 365 * 24 * 60 * 60

// oldError names the place of what the decoder has found.
func oldError(err error) *OldDocumentError {
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		why := "is not JSON: " + syntax.Err.Error()
		return &OldDocumentError{Place: placeOf(syntax.JSONPointer), Why: fmt.Sprintf("%s (byte %d)", why, syntax.ByteOffset)}
	}
	if semantic, ok := errors.AsType[*strict.SemanticError](err); ok {
		why := "cannot be of type " + semantic.JSONKind.String()
		if errors.Is(semantic.Err, strict.ErrUnknownName) {
			why = "is a member that the replaced service did not write"
		}
		return &OldDocumentError{Place: placeOf(semantic.JSONPointer), Why: why}
	}
	return &OldDocumentError{Why: "is not JSON"}
}

// placeOf writes a JSON pointer as people do: messages[3].content.
func placeOf(pointer jsontext.Pointer) string {
	var place strings.Builder
	for token := range pointer.Tokens() {
		if _, err := strconv.Atoi(token); err == nil {
			place.WriteString("[" + token + "]")
			continue
		}
		if place.Len() > 0 {
			place.WriteByte('.')
		}
		place.WriteString(token)
	}
	return place.String()
}

// takeTimes reads the times of the thread. One of the two stands for the other where that is missing, then the messages' do.
func (t *oldThread) takeTimes(d *oldDocument) (err error) {
	first, last := "", ""
	for _, m := range *d.Messages {
		first, last = cmp.Or(first, m.Timestamp), cmp.Or(m.Timestamp, last)
	}
	created := cmp.Or(d.CreatedAt, first, d.LastUpdated)
	if created == "" {
		return &OldDocumentError{Place: "created_at", Why: "is missing, and there is no other time in it"}
	}
	if t.created, err = oldTime("created_at", created); err != nil {
		return err
	}
	t.updated, err = oldTime("last_updated", cmp.Or(d.LastUpdated, last, created))
	return err
}

// oldTimeForms are those of Python's isoformat, and of pydantic. One without a zone is in UTC, as the replaced service meant it.
var oldTimeForms = []string{"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04"}

func oldTime(place, text string) (time.Time, error) {
	normal := strings.Replace(strings.ToUpper(text), " ", "T", 1)
	for _, form := range oldTimeForms {
		at, err := time.Parse(form, normal)
		if at = at.UTC().Truncate(time.Microsecond); err == nil && inOurTime(at) {
			return at, nil
		}
	}
	return time.Time{}, &OldDocumentError{Place: place, Why: "is not a time such as 2026-11-22T14:03:07.120000+00:00"}
}

// fields are those of the record, in pairs, but for the expiry, which the document's key decides.
func (t *oldThread) fields(epoch Epoch, hash string) []any {
	fields := []any{
		"epoch", string(epoch), "seq", len(t.elements), "base", 0, "version", 1,
		"created", t.created.UnixMicro(), "updated", t.updated.UnixMicro(), "relevant", flag(t.relevant), "context", t.context,
		"plan", t.plan, "toolcalls", t.toolCalls, "metadata", "{}", "adopted", hash,
	}
	for letter, n := range t.counts {
		fields = append(fields, letter, n)
	}
	return fields
}
