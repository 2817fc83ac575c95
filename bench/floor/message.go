//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"agentstate/store"
)

// field is a field of a message that an answer has.
type field int

const (
	messageID field = iota
	seq
	kind
	content
	toolCalls
	timestamp
)

// What the answers have of a message, in the order of the queries of the benchmark.
var (
	threadFields   = []field{messageID, seq, kind, content, toolCalls, timestamp}
	listenerFields = []field{seq, messageID, kind, content, timestamp}
	addedFields    = []field{messageID, seq, timestamp}
)

var errElement = errors.New("a message in Redis is malformed")

// raw is a message with the parts of its JSON as they lie in Redis.
type raw struct {
	seq, arrival                            string
	id, kind, content, toolCalls, timestamp string
}

// parse takes an element of a list apart, see store/element.go.
func parse(element string) (m raw, body string, err error) {
	var length string
	var ok1, ok2, ok3, ok4 bool
	m.seq, element, ok1 = strings.Cut(element, ":")
	m.arrival, element, ok2 = strings.Cut(element, ":")
	_, element, ok3 = strings.Cut(element, ":")
	length, element, ok4 = strings.Cut(element, ":")
	n, err := strconv.Atoi(length)
	if err != nil || !ok1 || !ok2 || !ok3 || !ok4 || n > len(element) {
		return raw{}, "", errElement
	}
	return m, element[n:], nil
}

// appendMessage writes a message of an element.
func (f *floor) appendMessage(b []byte, element string, fields []field) ([]byte, error) {
	m, body, err := parse(element)
	if err != nil {
		return nil, err
	}
	if f.splice {
		err = m.scan(body)
	} else {
		err = m.decode(body)
	}
	if err != nil {
		return nil, err
	}
	for i, name := range fields {
		if i == 0 {
			b = append(b, '{')
		} else {
			b = append(b, ',')
		}
		b = m.appendField(b, name)
	}
	return append(b, '}'), nil
}

func (m *raw) appendField(b []byte, name field) []byte {
	switch name {
	case messageID:
		return append(append(b, `"messageId":`...), m.id...)
	case seq:
		return append(append(b, `"seq":`...), m.seq...)
	case kind:
		return append(append(b, `"type":`...), m.kind...)
	case content:
		return append(append(b, `"content":`...), m.content...)
	case toolCalls:
		if b = append(b, `"toolCalls":`...); m.toolCalls == "" {
			return append(b, `[]`...)
		}
		return append(b, m.toolCalls...)
	default:
		if b = append(b, `"timestamp":`...); m.timestamp != "" {
			return append(b, m.timestamp...)
		}
		arrival, _ := strconv.ParseInt(m.arrival, 10, 64)
		return appendTime(b, arrival)
	}
}

// decode takes the parts of a body by encoding/json, as the store does.
func (m *raw) decode(body string) error {
	var stored store.Message
	if err := json.Unmarshal([]byte(body), &stored); err != nil {
		return err
	}
	m.id, m.kind, m.content = string(appendString(nil, stored.MessageID)), `"`+string(stored.Type)+`"`, string(stored.Content)
	if !stored.Timestamp.IsZero() {
		m.timestamp = string(appendTime(nil, stored.Timestamp.UnixMicro()))
	}
	if len(stored.ToolCalls) == 0 {
		return nil
	}
	calls := []byte{'['}
	for i, call := range stored.ToolCalls {
		if i > 0 {
			calls = append(calls, ',')
		}
		calls = append(calls, `{"id":`...)
		if call.ID == nil {
			calls = append(calls, `null`...)
		} else {
			calls = appendString(calls, *call.ID)
		}
		calls = appendString(append(calls, `,"name":`...), call.Name)
		calls = append(append(calls, `,"args":`...), call.Args...)
		calls = append(calls, '}')
	}
	m.toolCalls = string(append(calls, ']'))
	return nil
}

// scan takes the parts of a body as they stand there. It was checked when it was written, and has no blanks between its fields.
func (m *raw) scan(body string) error {
	for at := 1; at < len(body) && body[at] == '"'; at++ {
		colon := skip(body, at)
		end := skip(body, min(colon+1, len(body)))
		if end >= len(body) {
			return errElement
		}
		switch value := body[colon+1 : end]; body[at+1 : colon-1] {
		case "id":
			m.id = value
		case "type":
			m.kind = value
		case "content":
			m.content = value
		case "tool_calls":
			m.toolCalls = value
		case "timestamp":
			m.timestamp = value
		}
		at = end
	}
	if m.id == "" {
		return errElement
	}
	return nil
}

// skip gives the place behind the JSON value that begins at a place.
func skip(s string, at int) int {
	depth := 0
	for at < len(s) {
		switch s[at] {
		case '"':
			at = skipString(s, at)
		case '{', '[':
			depth++
			at++
		case '}', ']':
			depth--
			at++
		case ',', ':':
			if depth == 0 {
				return at
			}
			at++
			continue
		default:
			if at++; depth == 0 && at < len(s) && strings.IndexByte(",}]", s[at]) < 0 {
				continue
			}
		}
		if depth <= 0 {
			return at
		}
	}
	return at
}

// skipString gives the place behind the string that begins at a place.
func skipString(s string, at int) int {
	for at++; at < len(s); {
		quote := strings.IndexByte(s[at:], '"')
		if quote < 0 {
			break
		}
		slash := strings.IndexByte(s[at:at+quote], '\\')
		if slash < 0 {
			return at + quote + 1
		}
		at += slash + 2
	}
	return len(s)
}
