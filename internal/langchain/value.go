package langchain

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// object is a JSON object whose values are not looked into.
type object map[string]json.RawMessage

// normal gives a JSON value compact and with sorted keys, its numbers with their digits, so that equal values have equal bytes.
func normal(raw json.RawMessage) (json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return encode(v)
}

// encode gives a value as compact JSON. Nothing is escaped but what must be.
func encode(v any) (json.RawMessage, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// mustEncode is encode for what always can be encoded: texts, and JSON that was decoded before.
func mustEncode(v any) json.RawMessage {
	raw, err := encode(v)
	if err != nil {
		panic(err)
	}
	return raw
}

func text(s string) json.RawMessage { return mustEncode(s) }

// asObject gives an object; not ok where the value is none.
func asObject(raw json.RawMessage) (o object, ok bool) {
	if len(raw) == 0 || raw[0] != '{' {
		return nil, false
	}
	return o, json.Unmarshal(raw, &o) == nil
}

// asList gives the elements of a list; not ok where the value is none.
func asList(raw json.RawMessage) (list []json.RawMessage, ok bool) {
	if len(raw) == 0 || raw[0] != '[' {
		return nil, false
	}
	return list, json.Unmarshal(raw, &list) == nil
}

// asText gives a string; not ok where the value is none.
func asText(raw json.RawMessage) (s string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	return s, json.Unmarshal(raw, &s) == nil
}

// isNull tells whether a value is absent or null.
func isNull(raw json.RawMessage) bool { return raw == nil || string(raw) == "null" }

// isEmpty tells whether a value says nothing: absent, null, or an empty object or list.
func isEmpty(raw json.RawMessage) bool {
	return isNull(raw) || string(raw) == "{}" || string(raw) == "[]"
}

// keys lists the keys of an object in order.
func (o object) keys() []string { return slices.Sorted(maps.Keys(o)) }

// take gives a value and removes it.
func (o object) take(key string) json.RawMessage {
	value := o[key]
	delete(o, key)
	return value
}
