package langchain

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// calls reads the tool calls, in LangChain's form and in OpenAI's.
func (r *reader) calls(raw json.RawMessage) error {
	if isNull(raw) {
		return nil
	}
	list, ok := asList(raw)
	if !ok {
		return r.wrong("tool_calls", "a list")
	}
	for i, one := range list {
		at := fmt.Sprintf("tool_calls[%d]", i)
		o, ok := asObject(one)
		if !ok {
			return r.wrong(at, "a tool call as an object")
		}
		read := r.langChainCall
		switch {
		case isOpenAICall(o) && o["function"] != nil:
			read = r.openAICall
		case isOpenAICall(o):
			read = r.customCall
		}
		if err := read(at, o); err != nil {
			return err
		}
	}
	return nil
}

// isOpenAICall tells whether a tool call is in OpenAI's form.
func isOpenAICall(o object) bool {
	return o["args"] == nil && (o["function"] != nil || o["custom"] != nil)
}

// langChainCall reads {"name", "args", "id", "type": "tool_call"}. A chunk may have calls whose name has not come yet: Python writes "" for it.
func (r *reader) langChainCall(at string, o object) error {
	id, err := r.callID(at, o)
	if err != nil {
		return err
	}
	name, ok := asText(o.take("name"))
	if !ok || !isID(name) && (name != "" || !isChunk(r.m.typeName)) {
		return r.wrong(at+".name", "the name of the tool, 1 to %d bytes", maxNameBytes)
	}
	args := o.take("args")
	if _, ok := asObject(args); !ok {
		return r.wrong(at+".args", "the arguments of the call as an object")
	}
	r.typeOf(at, o, "tool_call")
	r.m.calls = append(r.m.calls, call{id: id, name: name, args: args, extra: o})
	return nil
}

// openAICall reads {"id", "type": "function", "function": {"name", "arguments"}}. What the model has written as arguments may be no
// JSON: then it is LangChain's invalid_tool_call.
func (r *reader) openAICall(at string, o object) error {
	id, err := r.openAICallID(at, o)
	if err != nil {
		return err
	}
	function, ok := asObject(o.take("function"))
	if !ok {
		return r.wrong(at+".function", "the function and its arguments as an object")
	}
	name, ok := asText(function.take("name"))
	if !ok || !isID(name) {
		return r.wrong(at+".function.name", "the name of the function, 1 to %d bytes", maxNameBytes)
	}
	arguments, ok := asText(function.take("arguments"))
	if !ok {
		return r.wrong(at+".function.arguments", "the arguments as a string of JSON")
	}
	r.typeOf(at, o, "function")
	r.only(at+".function", function)
	args, ok := argsOf(arguments)
	if !ok {
		r.only(at, o)
		r.m.invalidCalls = append(r.m.invalidCalls, mustEncode(object{
			"name": text(name), "args": text(arguments), "id": id, "error": json.RawMessage("null"), "type": text("invalid_tool_call"),
		}))
		return nil
	}
	r.m.calls = append(r.m.calls, call{id: id, name: name, args: args, extra: o})
	return nil
}

// customCall reads {"id", "type": "custom", "custom": {"name", "input"}}, whose input is any text. No other form has such calls; the API tells
// of the input as the one argument.
func (r *reader) customCall(at string, o object) error {
	id, err := r.openAICallID(at, o)
	if err != nil {
		return err
	}
	custom, ok := asObject(o.take("custom"))
	if !ok {
		return r.wrong(at+".custom", "the tool and its input as an object")
	}
	name, ok := asText(custom.take("name"))
	if !ok || !isID(name) {
		return r.wrong(at+".custom.name", "the name of the tool, 1 to %d bytes", maxNameBytes)
	}
	input := custom.take("input")
	if _, ok := asText(input); !ok {
		return r.wrong(at+".custom.input", "the input of the tool as a string")
	}
	r.m.formOnly = append(r.m.formOnly, at+".type")
	delete(o, "type")
	r.m.calls = append(r.m.calls, call{id: id, name: name, args: mustEncode(object{"input": input}), extra: o})
	return nil
}

// typeOf takes the type of a call, which no other form can say where it is not the usual one.
func (r *reader) typeOf(at string, o object, usual string) {
	kind := o.take("type")
	if name, ok := asText(kind); !isNull(kind) && (!ok || name != usual) {
		r.m.formOnly = append(r.m.formOnly, at+".type")
	}
}

// only notes what else an object has as what no other form can say.
func (r *reader) only(at string, o object) {
	for _, key := range o.keys() {
		if !isNull(o[key]) {
			r.m.formOnly = append(r.m.formOnly, at+"."+key)
		}
	}
}

// maxArgsDepth is how deeply arguments may be nested, as any JSON value of the API: they come in a string, which nobody has looked into.
const maxArgsDepth = 100

// argsOf reads what a model has written as arguments; not ok where that is not one JSON object that all readers see the same: with a repeated
// key or half of a surrogate pair they do not.
func argsOf(arguments string) (json.RawMessage, bool) {
	d := jsontext.NewDecoder(strings.NewReader(arguments))
	for {
		if _, err := d.ReadToken(); err != nil || d.StackDepth() > maxArgsDepth {
			return nil, false
		}
		if d.StackDepth() == 0 {
			break
		}
	}
	if !json.Valid([]byte(arguments)) { // something is behind it
		return nil, false
	}
	args, err := normal(json.RawMessage(arguments))
	_, ok := asObject(args)
	return args, ok && err == nil
}

// callID reads the id of a call, null where it has none. That of a chunk's may be empty.
func (r *reader) callID(at string, o object) (json.RawMessage, error) {
	id := o.take("id")
	if isNull(id) {
		return json.RawMessage("null"), nil
	}
	if s, ok := asText(id); !ok || !isID(s) && (s != "" || !isChunk(r.m.typeName)) {
		return nil, r.wrong(at+".id", "a string of 1 to %d bytes", maxNameBytes)
	}
	return id, nil
}

func (r *reader) openAICallID(at string, o object) (json.RawMessage, error) {
	id, err := r.callID(at, o)
	if err == nil && isNull(id) {
		err = r.wrong(at+".id", "the id of the call")
	}
	return id, err
}

// invalidCalls reads what LangChain could not read as tool calls.
func (r *reader) invalidCalls(raw json.RawMessage) error {
	if isNull(raw) {
		return nil
	}
	list, ok := asList(raw)
	if !ok {
		return r.wrong("invalid_tool_calls", "a list")
	}
	for i, one := range list {
		if _, ok := asObject(one); !ok {
			return r.wrong(fmt.Sprintf("invalid_tool_calls[%d]", i), "an object")
		}
	}
	r.m.invalidCalls = append(r.m.invalidCalls, list...)
	return nil
}
