package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// messageInput is the API's MessageInput, as far as OpenAI's messages need it. JSON values are kept as they were written, so
// that no number goes through a float64.
type messageInput struct {
	MessageID  string                     `json:"messageId"`
	Type       string                     `json:"type"`
	Content    json.RawMessage            `json:"content"`
	Name       string                     `json:"name,omitempty"`
	ToolCalls  []toolCallInput            `json:"toolCalls,omitempty"`
	ToolCallID string                     `json:"toolCallId,omitempty"`
	Metadata   map[string]json.RawMessage `json:"metadata,omitempty"`
}

// toolCallInput is the API's MessageToolCallInput.
type toolCallInput struct {
	ID   *string         `json:"id"`
	Name string          `json:"name"`
	Args json.RawMessage `json:"args"`
}

// typeOf is what the API calls the speakers of OpenAI.
var typeOf = map[string]string{
	"system": "SYSTEM", "developer": "SYSTEM", "user": "HUMAN", "assistant": "AI", "tool": "TOOL", "function": "FUNCTION",
}

// maxDepth is how deeply the server lets a JSON value be nested.
const maxDepth = 100

// maxIDBytes is how long an id may be.
const maxIDBytes = 255

// messageID names the message at index i of a thread. The same file gives the same ids, which is what makes it safe to send
// it again: the server knows a message by its id.
func messageID(threadID string, i int) string {
	id := fmt.Sprintf("%s-%d", threadID, i)
	if len(id) > maxIDBytes { // an id need only be unique in its thread
		return fmt.Sprintf("message-%d", i)
	}
	return id
}

// convert turns a message of OpenAI's chat API into one of agentstate's, without its id. It takes what it uses out of fields;
// what is left has no place of its own and becomes the metadata.
func convert(fields map[string]json.RawMessage) (messageInput, error) {
	role, err := take(fields, "role")
	if err != nil {
		return messageInput{}, err
	}
	m := messageInput{Type: typeOf[role]}
	if m.Type == "" {
		return m, fmt.Errorf("role must be one of %s, not %q", strings.Join(slices.Sorted(maps.Keys(typeOf)), ", "), role)
	}
	if m.Content, err = takeContent(fields, m.Type); err != nil {
		return m, err
	}
	if m.Name, err = take(fields, "name"); err != nil {
		return m, err
	}
	switch m.Type {
	case "AI":
		if m.ToolCalls, err = takeToolCalls(fields); err != nil {
			return m, err
		}
	case "TOOL":
		m.ToolCallID, err = take(fields, "tool_call_id")
		if err == nil && m.ToolCallID == "" {
			err = errors.New("a message of a tool needs the tool_call_id that it answers")
		}
	case "FUNCTION":
		if m.Name == "" {
			err = errors.New("a message of a function needs its name")
		}
	}
	if role == "developer" { // where LangChain keeps the difference between the two kinds of instructions
		fields["__openai_role__"] = json.RawMessage(`"developer"`)
	}
	if len(fields) > 0 {
		m.Metadata = fields
	}
	return m, err
}

// take takes a string out of fields; where there is none, or null, it is empty.
func take(fields map[string]json.RawMessage, name string) (string, error) {
	raw, ok := fields[name]
	delete(fields, name)
	if !ok {
		return "", nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", fmt.Errorf("%s must be a string", name)
	}
	return text, nil
}

// takeContent takes the content out of fields: a string or a list of blocks. The model, a tool and a function may say nothing:
// an assistant that calls tools has null there, or leaves it out.
func takeContent(fields map[string]json.RawMessage, messageType string) (json.RawMessage, error) {
	raw, ok := fields["content"]
	delete(fields, "content")
	if !ok || isNull(raw) {
		if messageType == "SYSTEM" || messageType == "HUMAN" {
			return nil, errors.New("content is missing")
		}
		return json.RawMessage(`""`), nil
	}
	if raw[0] != '"' && raw[0] != '[' {
		return nil, errors.New("content must be a string, a list or null")
	}
	return raw, nil
}

// takeToolCalls takes the tool calls of an assistant out of fields. If one has something that the API has no place for, the
// whole list stays in fields as well, which is where LangChain keeps it.
func takeToolCalls(fields map[string]json.RawMessage) ([]toolCallInput, error) {
	raw, ok := fields["tool_calls"]
	delete(fields, "tool_calls")
	if !ok || isNull(raw) {
		return nil, nil
	}
	var calls []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &calls); err != nil {
		return nil, errors.New("tool_calls must be a list of objects")
	}
	inputs := make([]toolCallInput, len(calls))
	for i, call := range calls {
		var err error
		if inputs[i], err = convertCall(call); err != nil {
			return nil, fmt.Errorf("tool_calls[%d]: %w", i, err)
		}
		if len(call) > 0 {
			fields["tool_calls"] = raw
		}
	}
	return inputs, nil
}

// convertCall turns one tool call into one of agentstate's. In call stays what has no place there.
func convertCall(call map[string]json.RawMessage) (toolCallInput, error) {
	var input toolCallInput
	id, err := take(call, "id")
	if err != nil {
		return input, err
	}
	if id != "" { // some servers of open models give none, or an empty one
		input.ID = &id
	}
	kind, arguments := "function", "arguments"
	if string(call["type"]) == `"custom"` { // a tool whose input is free text
		kind, arguments = "custom", "input"
	} else if string(call["type"]) == `"function"` {
		delete(call, "type") // all that have no type left are functions
	}
	var function map[string]json.RawMessage
	if err := json.Unmarshal(orNull(call[kind]), &function); err != nil {
		return input, fmt.Errorf("%s must be an object", kind)
	}
	if input.Name, err = take(function, "name"); err != nil {
		return input, err
	}
	if input.Name == "" {
		return input, fmt.Errorf("%s.name is missing", kind)
	}
	if input.Args = orNull(function[arguments]); kind == "function" {
		input.Args = parseArguments(input.Args)
	}
	if isNull(input.Args) {
		return input, fmt.Errorf("%s.%s is missing", kind, arguments)
	}
	if delete(function, arguments); len(function) == 0 && kind == "function" {
		delete(call, kind)
	}
	return input, nil
}

// parseArguments gives the arguments of a call as JSON. OpenAI has them as text, and the text is the model's: what is not JSON,
// or none that the server takes, stays as it is, as a JSON string. Some other servers give the object itself.
func parseArguments(raw json.RawMessage) json.RawMessage {
	var text string
	if isNull(raw) {
		return json.RawMessage("{}") // called with nothing
	}
	if json.Unmarshal(raw, &text) != nil {
		return raw
	}
	args := json.RawMessage(strings.TrimSpace(text))
	// The API has no null for arguments.
	if checkJSON(args) != nil || isNull(args) || depth(args) > maxDepth {
		return raw
	}
	return args
}

// depth is how deeply the arrays and objects of valid JSON are nested.
func depth(raw json.RawMessage) int {
	deepest, level := 0, 0
	for d := json.NewDecoder(bytes.NewReader(raw)); ; {
		token, err := d.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			level++
			deepest = max(deepest, level)
		case json.Delim(']'), json.Delim('}'):
			level--
		}
	}
}

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}
