package rest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"

	"agentstate/internal/bounds"
	"agentstate/store"
)

// typeOf are the types that both doors know, by the word that the old service had for them.
var typeOf = map[string]store.MessageType{
	"human": store.Human, "ai": store.AI, "system": store.System, "tool": store.Tool, "function": store.Function, "chat": store.Chat,
	"other": store.Other,
}

// wordOf is typeOf the other way round.
var wordOf = func() map[store.MessageType]string {
	words := make(map[store.MessageType]string, len(typeOf))
	for word, t := range typeOf {
		words[t] = word
	}
	return words
}()

// ownWord is where a message keeps the message_type that it came with, in its response metadata, where that is none of typeOf's: the old
// service took any. To GraphQL it is OTHER.
const ownWord = "message_type"

// message is one of the document.
type message struct {
	kind, content string
	// metadata is a JSON object in canonical form, nil where there is none.
	metadata json.RawMessage
	// timestamp is zero where it is left out.
	timestamp time.Time
	// id is what the client calls the message; "" where it does not.
	id string
}

// message reads a message but for its timestamp: one that is posted has the time of its arrival, as it always had. The fields are those
// of the old service, and message_id, which that left alone.
func (c *call) message(loc []any, o object) message {
	var m message
	if raw, ok := c.required(loc, o, "message_type"); ok {
		place := below(loc, "message_type")
		if m.kind = c.asText(place, raw); raw[0] == '"' {
			c.checkID(place, m.kind)
		}
	}
	if raw, ok := c.required(loc, o, "content"); ok {
		m.content = c.asText(below(loc, "content"), raw)
	}
	if raw, ok := o.given("metadata"); ok {
		place := below(loc, "metadata")
		if c.asObject(place, raw) != nil {
			m.metadata = canonical(raw)
		}
	}
	if raw, ok := o.given("message_id"); ok {
		place := below(loc, "message_id")
		if m.id = c.asText(place, raw); raw[0] == '"' {
			c.checkID(place, m.id)
		}
	}
	c.atMost(below(loc, "content"), m.size(), c.Limits.MessageBytes)
	return m
}

// size is that of the message in bytes, as GraphQL counts it.
func (m message) size() int {
	s := m.stored(func() string { return "" })
	return s.Size()
}

// stored gives the message as the store takes it; newID makes the id of one that has none.
func (m message) stored(newID func() string) *store.Message {
	s := &store.Message{MessageID: m.id, Content: quoted(m.content), Metadata: m.metadata, Timestamp: m.timestamp}
	if s.MessageID == "" {
		s.MessageID = newID()
	}
	var known bool
	if s.Type, known = typeOf[m.kind]; !known {
		s.Type = store.Other
		s.ResponseMetadata = json.RawMessage(`{"` + ownWord + `":` + string(quoted(m.kind)) + `}`)
	}
	return s
}

// is tells whether the stored message is this one, as far as this says. A timestamp counts to the millisecond, which is what
// JavaScript keeps of it.
func (m message) is(s *store.Message) bool {
	return m.kind == kindOf(s) && m.content == s.Text() && sameJSON(m.metadata, s.Metadata) &&
		(m.timestamp.IsZero() || m.timestamp.UnixMilli() == s.Timestamp.UnixMilli()) &&
		(m.id == "" || m.id == s.MessageID)
}

// kindOf gives the message_type of a stored message. A word that could not be sent back, as GraphQL and old documents may have it, is none.
func kindOf(s *store.Message) string {
	if s.Type == store.Other && bytes.Contains(s.ResponseMetadata, []byte(ownWord)) {
		var own struct {
			Kind *string `json:"message_type"`
		}
		if json.Unmarshal(s.ResponseMetadata, &own) == nil && own.Kind != nil && bounds.ID(*own.Kind) == "" {
			return *own.Kind
		}
	}
	return wordOf[s.Type]
}

// message adds the JSON of a message to an answer. The content is a string, as it always was: of a message that has come as a list
// of blocks by GraphQL, their text.
func (a *answer) message(s *store.Message) {
	a.raw(`{`)
	a.key("message_type")
	a.text(kindOf(s))
	a.key("content")
	a.text(s.Text())
	a.key("timestamp")
	a.time(s.Timestamp)
	a.key("metadata")
	a.json(s.Metadata)
	a.raw(`}`)
}

// quoted gives a text as GraphQL's JSON has it, so that the same message has the same bytes by whichever door it comes.
func quoted(text string) json.RawMessage {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string can be encoded, and into memory
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// canonical gives a JSON object compact and with its keys sorted, as GraphQL's do; nil for an empty one. Numbers keep their digits.
func canonical(raw json.RawMessage) json.RawMessage {
	value := decoded(raw)
	if object, ok := value.(map[string]any); ok && len(object) == 0 {
		return nil
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(value) // what was decoded can be encoded
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

func decoded(raw json.RawMessage) (value any) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	_ = d.Decode(&value) // it was checked
	return value
}

// sameJSON tells whether two objects say the same; nil is an empty one. Numbers are the same if a client that reads them as double
// precision, as most do, cannot tell them apart: 1.10 comes back as 1.1.
func sameJSON(a, b json.RawMessage) bool {
	if len(a) == 0 {
		a = json.RawMessage("{}")
	}
	if len(b) == 0 {
		b = json.RawMessage("{}")
	}
	return bytes.Equal(a, b) || reflect.DeepEqual(doubles(decoded(a)), doubles(decoded(b)))
}

// doubles replaces the numbers in a value by float64s, where they are in its range.
func doubles(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := strconv.ParseFloat(v.String(), 64); err == nil {
			return n
		}
	case []any:
		for i := range v {
			v[i] = doubles(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = doubles(v[key])
		}
	}
	return value
}

// timeForms are the forms of a timestamp that pydantic reads and Python writes. One without a zone is in UTC, as the old service
// had them.
var timeForms = []string{"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04"}

// asTime reads a time, into UTC with microseconds.
func (f *form) asTime(loc []any, raw json.RawMessage) time.Time {
	if raw[0] != '"' {
		f.wrong(loc, "datetime_type", "Input should be a valid datetime, as ISO 8601 in a string")
		return time.Time{}
	}
	text := strings.Replace(strings.ToUpper(f.asText(loc, raw)), " ", "T", 1)
	for _, form := range timeForms {
		t, err := time.Parse(form, text)
		if err != nil {
			continue
		}
		if t = t.UTC().Truncate(time.Microsecond); t.Year() >= 1 && t.Year() <= 9999 && !t.IsZero() {
			return t
		}
	}
	f.wrong(loc, "datetime_from_date_parsing", "Input should be a valid datetime, such as 2026-11-22T14:03:07.120000+00:00")
	return time.Time{}
}

// idempotencyKey takes the id of a message out of a header that many clients send by themselves
// (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/), with quotes around or without.
func (c *call) idempotencyKey() string {
	key := c.r.Header.Get("Idempotency-Key")
	if len(key) > 1 && key[0] == '"' && key[len(key)-1] == '"' {
		key = key[1 : len(key)-1]
	}
	if wrong := bounds.ID(key); key != "" && wrong != "" {
		c.wrong(at("header", "Idempotency-Key"), "value_error", "Value error, give it "+wrong)
	}
	return key
}
