package langchain

import (
	"encoding/json"
	"strconv"
	"strings"

	"agentstate/store"
)

// kind is what a message is, whatever the forms call it.
type kind int

const (
	kindOther kind = iota
	kindHuman
	kindAI
	kindSystem
	kindTool
	kindFunction
	kindChat
	kindRemove
)

// message is what a message says, in all forms.
type message struct {
	form form
	kind kind
	// name is what the form calls its type, such as human, AIMessageChunk or user.
	typeName string
	// id is empty where there is none.
	id      string
	content json.RawMessage
	// name and role are JSON texts or nil; the others are as LangChain has them, nil where they say nothing.
	name, role                                json.RawMessage
	calls                                     []call
	invalidCalls                              []json.RawMessage
	toolCallID, status, artifact              json.RawMessage
	additionalKwargs, responseMetadata, usage json.RawMessage
	// extra is what LangChain has no field for, at the level of these, and envelope the same around them.
	extra, envelope object
	// formOnly are the places of what only the form it came in can say.
	formOnly []string
}

// call is a tool call that could be read.
type call struct {
	id   json.RawMessage // a text or null
	name string
	args json.RawMessage // an object
	// extra is what else the call has.
	extra object
}

// kinds are the names that the forms have for kinds. Chunks count under what they are pieces of.
var kinds = map[string]kind{
	"human": kindHuman, "HumanMessage": kindHuman, "user": kindHuman,
	"ai": kindAI, "AIMessage": kindAI, "assistant": kindAI,
	"system": kindSystem, "SystemMessage": kindSystem, "developer": kindSystem,
	"tool": kindTool, "ToolMessage": kindTool,
	"function": kindFunction, "FunctionMessage": kindFunction,
	"chat": kindChat, "ChatMessage": kindChat, "generic": kindChat,
	"remove": kindRemove, "RemoveMessage": kindRemove,
}

// kindOf gives the kind of a name, of a chunk's too.
func kindOf(name string) kind { return kinds[strings.TrimSuffix(name, "Chunk")] }

// isChunk tells whether a name is that of a piece of a message.
func isChunk(name string) bool { return strings.HasSuffix(name, "Chunk") }

// storedTypes are the types of the API.
var storedTypes = map[kind]store.MessageType{
	kindOther: store.Other, kindHuman: store.Human, kindAI: store.AI, kindSystem: store.System, kindTool: store.Tool,
	kindFunction: store.Function, kindChat: store.Chat,
}

// pythonNames are what Python calls the kinds. JavaScript has another one for one of them. What is of no known kind is of one only where it is
// of the API itself, which calls it so.
var pythonNames = map[kind]string{
	kindHuman: "human", kindAI: "ai", kindSystem: "system", kindTool: "tool", kindFunction: "function", kindChat: "chat",
	kindOther: "other",
}

const (
	emptyText = `""`
	// roleKwarg is where LangChain keeps that a system message is OpenAI's developer message.
	roleKwarg = "__openai_role__"
)

// stored gives what the API has fields for.
func (m *message) stored() *store.Message {
	s := &store.Message{
		MessageID: m.id, Type: storedTypes[m.kind], Content: m.content,
		Name: optional(m.name), ToolCallID: optional(m.toolCallID),
		Metadata: orNil(m.additionalKwargs), ResponseMetadata: orNil(m.responseMetadata), Usage: usageOf(m.usage),
	}
	switch status, _ := asText(m.status); status {
	case "success":
		s.Status = new(store.ToolStatus)
		*s.Status = store.Success
	case "error":
		s.Status = new(store.ToolStatus)
		*s.Status = store.Failure
	}
	for _, c := range m.calls {
		if c.name == "" { // of a chunk: the API has only calls with a name
			continue
		}
		s.ToolCalls = append(s.ToolCalls, store.MessageToolCall{ID: optional(c.id), Name: c.name, Args: c.args})
	}
	return s
}

// fromStored is what the fields of the API say.
func fromStored(s *store.Message) *message {
	m := &message{
		id: s.MessageID, content: s.Content, name: optionalText(s.Name), toolCallID: optionalText(s.ToolCallID),
		additionalKwargs: orNil(s.Metadata), responseMetadata: orNil(s.ResponseMetadata),
	}
	for k, t := range storedTypes {
		if t == s.Type {
			m.kind = k
		}
	}
	if s.Status != nil {
		m.status = text(strings.ToLower(string(*s.Status)))
	}
	if s.Usage != nil {
		m.usage = mustEncode(s.Usage)
	}
	for _, c := range s.ToolCalls {
		id := json.RawMessage("null")
		if c.ID != nil {
			id = text(*c.ID)
		}
		m.calls = append(m.calls, call{id: id, name: c.Name, args: c.Args})
	}
	return m
}

// usageOf gives the numbers of usage_metadata; nil where they are not all there as the API has them.
func usageOf(raw json.RawMessage) *store.Usage {
	o, ok := asObject(raw)
	if !ok {
		return nil
	}
	u := &store.Usage{}
	for name, into := range map[string]*int{
		"input_tokens": &u.InputTokens, "output_tokens": &u.OutputTokens, "total_tokens": &u.TotalTokens,
	} {
		n, err := strconv.ParseInt(string(o[name]), 10, 32)
		if err != nil || n < 0 {
			return nil
		}
		*into = int(n)
	}
	return u
}

func optional(raw json.RawMessage) *string {
	if s, ok := asText(raw); ok && isID(s) {
		return &s
	}
	return nil
}

func optionalText(s *string) json.RawMessage {
	if s == nil {
		return nil
	}
	return text(*s)
}

func orNil(raw json.RawMessage) json.RawMessage {
	if isEmpty(raw) {
		return nil
	}
	return raw
}
