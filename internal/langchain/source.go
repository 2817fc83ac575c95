package langchain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"agentstate/store"
)

// kept is what is stored of a source beside the fields of the API: the form, and what this form of the stored message (its base) differs in,
// outside and among the fields; or where that is longer, or does not lead back to the source, the source itself.
type kept struct {
	Form   form            `json:"form"`
	Outer  *patch          `json:"outer,omitempty"`
	Fields *patch          `json:"fields,omitempty"`
	Source json.RawMessage `json:"source,omitempty"`
}

// patch says how one object differs from another.
type patch struct {
	Set   object   `json:"set,omitempty"`
	Unset []string `json:"unset,omitempty"`
}

// formats are the formats whose rendering is the base of a form. What fromStored and object give for a stored message is part of what
// is stored: where it changes, older patches lead elsewhere. TestStoredSourcesStay looks after that.
var formats = map[form]Format{
	python: Python, javaScript: JavaScript, dict: JavaScript, flat: Flat, openAI: OpenAI, role: OpenAI, constructor: JavaScript,
}

// inner names the fields of a form within its envelope; empty where there is none.
var inner = map[form]string{python: "data", javaScript: "data", dict: "data", constructor: "kwargs"}

// difference gives what to keep of a source.
func difference(m *store.Message, f form, source json.RawMessage) (json.RawMessage, error) {
	k := kept{Form: f, Source: source}
	if base, err := baseOf(m, f); err == nil {
		o, _ := asObject(source)
		short := kept{Form: f}
		if name := inner[f]; name != "" {
			short.Fields = patchOf(fieldsIn(base, name), fieldsIn(o, name))
			delete(base, name)
			delete(o, name)
		}
		short.Outer = patchOf(base, o)
		if raw, err := encode(short); err == nil && len(raw) < len(source) {
			if again, err := short.source(m); err == nil && bytes.Equal(again, source) {
				k = short
			}
		}
	}
	return encode(k)
}

// sourceOf gives the form of a message's source, and the source; no form for a message of the API itself.
func sourceOf(m *store.Message) (form, json.RawMessage, error) {
	if m.Source == nil {
		return "", nil, nil
	}
	var k kept
	if err := json.Unmarshal(m.Source, &k); err != nil {
		return "", nil, fmt.Errorf("langchain: what was kept of a source: %w", err)
	}
	if k.Source != nil {
		return k.Form, k.Source, nil
	}
	source, err := k.source(m)
	return k.Form, source, err
}

// source builds the source again.
func (k kept) source(m *store.Message) (json.RawMessage, error) {
	o, err := baseOf(m, k.Form)
	if err != nil {
		return nil, err
	}
	name := inner[k.Form]
	fields := fieldsIn(o, name)
	k.Outer.apply(o)
	if name != "" {
		k.Fields.apply(fields)
		o[name] = mustEncode(fields)
	}
	return encode(o)
}

// errNoForm says that what was kept is of a form that there is not.
var errNoForm = errors.New("langchain: unknown form")

// baseOf gives the stored fields of a message in a form; in OpenAI's as far as that can say them, since programs write there what OpenAI does not
// know: roles, blocks of other makers, LangChain's fields.
func baseOf(m *store.Message, f form) (object, error) {
	format, ok := formats[f]
	if !ok {
		return nil, errNoForm
	}
	if format == OpenAI {
		return fromStored(m).openAIAsFar(), nil
	}
	o, err := fromStored(m).object(format)
	if err == nil && f == constructor {
		o = object{"kwargs": o["data"], "lc": json.RawMessage("1"), "type": text("constructor")}
	}
	return o, err
}

func fieldsIn(o object, name string) object {
	fields, ok := asObject(o[name])
	if !ok {
		return object{}
	}
	return fields
}

// patchOf gives how to get from one object to another; nil where they are equal.
func patchOf(from, to object) *patch {
	p := patch{Set: object{}}
	for key, value := range to {
		if !bytes.Equal(from[key], value) {
			p.Set[key] = value
		}
	}
	for _, key := range from.keys() {
		if to[key] == nil {
			p.Unset = append(p.Unset, key)
		}
	}
	if len(p.Set)+len(p.Unset) == 0 {
		return nil
	}
	return &p
}

func (p *patch) apply(o object) {
	if p == nil {
		return
	}
	for key, value := range p.Set {
		o[key] = value
	}
	for _, key := range p.Unset {
		delete(o, key)
	}
}
