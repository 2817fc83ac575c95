package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// encodeBody gives the body of a message.
func encodeBody(m *Message) (string, error) {
	var body strings.Builder
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return "", fmt.Errorf("store: encode message: %w", err)
	}
	return strings.TrimSuffix(body.String(), "\n"), nil
}

// decodeBody takes in the body of a message, by scanning what encodeBody writes, and everything else that is JSON the slow way. What
// the message has as JSON is taken as it lies there: it was checked when it was written.
func decodeBody(body string, m *Message) error {
	raw := []byte(body)
	if scanBody(raw, m) {
		return nil
	}
	*m = Message{}
	return json.Unmarshal(raw, m)
}

// scanBody is decodeBody for what encodeBody writes; false for anything else. The message keeps raw.
func scanBody(raw []byte, m *Message) bool {
	return scanObject(raw, func(key, value []byte) (ok bool) {
		switch string(key) {
		case "id", "type": // the head of the element has them
			return true
		case "content":
			m.Content, ok = value, true
		case "additional_kwargs":
			m.Metadata, ok = value, value[0] == '{'
		case "response_metadata":
			m.ResponseMetadata, ok = value, value[0] == '{'
		case "lc":
			m.Source, ok = value, value[0] == '{'
		case "name":
			m.Name, ok = scanText(value)
		case "tool_call_id":
			m.ToolCallID, ok = scanText(value)
		case "status":
			var text *string
			if text, ok = scanText(value); ok {
				m.Status = (*ToolStatus)(text)
			}
		case "tool_calls":
			return scanList(value, func(call []byte) bool {
				m.ToolCalls = append(m.ToolCalls, MessageToolCall{})
				return scanCall(call, &m.ToolCalls[len(m.ToolCalls)-1])
			})
		case "usage_metadata":
			m.Usage = &Usage{}
			return scanUsage(value, m.Usage)
		case "timestamp":
			var text *string
			if text, ok = scanText(value); ok {
				return m.Timestamp.UnmarshalText([]byte(*text)) == nil
			}
		}
		return ok
	})
}

func scanCall(raw []byte, c *MessageToolCall) bool {
	return scanObject(raw, func(key, value []byte) (ok bool) {
		switch string(key) {
		case "id":
			if ok = string(value) == "null"; !ok {
				c.ID, ok = scanText(value)
			}
		case "name":
			var text *string
			if text, ok = scanText(value); ok {
				c.Name = *text
			}
		case "args":
			c.Args, ok = value, true
		}
		return ok
	})
}

func scanUsage(raw []byte, u *Usage) bool {
	return scanObject(raw, func(key, value []byte) bool {
		n, err := strconv.Atoi(string(value))
		switch string(key) {
		case "input_tokens":
			u.InputTokens = n
		case "output_tokens":
			u.OutputTokens = n
		case "total_tokens":
			u.TotalTokens = n
		default:
			return false
		}
		return err == nil
	})
}

// scanObject gives each member of a JSON object without blanks to take, until that is false. It looks for the ends of values and does
// not check what lies within; false where they are not found.
func scanObject(raw []byte, take func(key, value []byte) bool) bool {
	if len(raw) < 2 || raw[0] != '{' {
		return false
	}
	if string(raw) == "{}" {
		return true
	}
	for rest := raw[1:]; ; {
		end := scanString(rest)
		if end < 2 || end >= len(rest) || rest[end] != ':' {
			return false
		}
		key := rest[1 : end-1]
		rest = rest[end+1:]
		if end = scanValue(rest); end < 1 || end >= len(rest) || !take(key, rest[:end:end]) {
			return false
		}
		switch rest[end] {
		case '}':
			return end == len(rest)-1
		case ',':
			rest = rest[end+1:]
		default:
			return false
		}
	}
}

// scanList is scanObject for the elements of a list.
func scanList(raw []byte, take func(value []byte) bool) bool {
	if len(raw) < 2 || raw[0] != '[' {
		return false
	}
	if string(raw) == "[]" {
		return true
	}
	for rest := raw[1:]; ; {
		end := scanValue(rest)
		if end < 1 || end >= len(rest) || !take(rest[:end:end]) {
			return false
		}
		switch rest[end] {
		case ']':
			return end == len(rest)-1
		case ',':
			rest = rest[end+1:]
		default:
			return false
		}
	}
}

// scanValue gives the length of the value that raw begins with; 0 where there is none.
func scanValue(raw []byte) int {
	if len(raw) == 0 {
		return 0
	}
	switch raw[0] {
	case '"':
		return scanString(raw)
	case '{', '[':
		return scanNested(raw)
	case ' ', '\t', '\r', '\n':
		return 0
	}
	return max(bytes.IndexAny(raw, ",]}"), 0)
}

// scanNested is scanValue for an object or a list.
func scanNested(raw []byte) int {
	depth := 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			n := scanString(raw[i:])
			if n == 0 {
				return 0
			}
			i += n - 1
		}
	}
	return 0
}

// scanString gives the length of the string that raw begins with, with its quotes; 0 where there is none.
func scanString(raw []byte) int {
	if len(raw) == 0 || raw[0] != '"' {
		return 0
	}
	for end := 1; ; end++ {
		i := bytes.IndexByte(raw[end:], '"')
		if i < 0 {
			return 0
		}
		end += i
		slashes := 0
		for raw[end-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return end + 1
		}
	}
}

// scanText gives the text of a JSON string; not ok where it is none.
func scanText(value []byte) (*string, bool) {
	if value[0] != '"' {
		return nil, false
	}
	text := string(value[1 : len(value)-1])
	if strings.IndexByte(text, '\\') >= 0 && json.Unmarshal(value, &text) != nil {
		return nil, false
	}
	return &text, true
}
