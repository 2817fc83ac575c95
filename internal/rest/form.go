package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"agentstate/internal/bounds"
)

// form checks what was sent, and collects all that is wrong with it, as pydantic does. What it takes for what is pydantic's default
// ("lax") too: "yes" for true, "3600" for 3600.
type form struct{ problems invalid }

func at(loc ...any) []any { return loc }

// below gives the place of something in a place.
func below(loc []any, more ...any) []any { return append(loc[:len(loc):len(loc)], more...) }

func (f *form) wrong(loc []any, kind, message string) {
	f.problems = append(f.problems, problem{Loc: loc, Msg: message, Type: kind})
}

func (f *form) missing(loc []any) { f.wrong(loc, "missing", "Field required") }

// err gives all problems as an error; nil where there are none.
func (f *form) err() error {
	if len(f.problems) == 0 {
		return nil
	}
	return f.problems
}

func (f *form) between(loc []any, n, low, high int) {
	switch {
	case n < low:
		f.wrong(loc, "greater_than_equal", fmt.Sprintf("Input should be greater than or equal to %d", low))
	case n > high:
		f.wrong(loc, "less_than_equal", fmt.Sprintf("Input should be less than or equal to %d", high))
	}
}

func (f *form) checkID(loc []any, id string) {
	switch wrong := bounds.ID(id); {
	case wrong == "":
	case id == "":
		f.wrong(loc, "string_too_short", "String should have at least 1 character")
	case len(id) > bounds.IDBytes:
		f.wrong(loc, "string_too_long", fmt.Sprintf("String should have at most %d bytes", bounds.IDBytes))
	default:
		f.wrong(loc, "value_error", "Value error, give it "+wrong)
	}
}

// atMost checks the size of something in bytes.
func (f *form) atMost(loc []any, size, limit int) {
	if size > limit {
		f.wrong(loc, "string_too_long", fmt.Sprintf("String should have at most %d bytes, and has %d", limit, size))
	}
}

// asText reads a string.
func (f *form) asText(loc []any, raw json.RawMessage) string {
	var text string
	if raw[0] != '"' || json.Unmarshal(raw, &text) != nil {
		f.wrong(loc, "string_type", "Input should be a valid string")
	}
	return text
}

// truths are the strings that pydantic takes for a boolean.
var truths = map[string]bool{
	"1": true, "on": true, "t": true, "true": true, "y": true, "yes": true,
	"0": false, "off": false, "f": false, "false": false, "n": false, "no": false,
}

func (f *form) asBool(loc []any, raw json.RawMessage) bool {
	word := string(raw)
	switch raw[0] {
	case 't', 'f':
		return raw[0] == 't'
	case '"':
		_ = json.Unmarshal(raw, &word)
		if truth, ok := truths[strings.ToLower(word)]; ok {
			return truth
		}
		f.wrong(loc, "bool_parsing", "Input should be a valid boolean, unable to interpret input")
	case '{', '[', 'n':
		f.wrong(loc, "bool_type", "Input should be a valid boolean")
	default:
		if n, ok := wholeNumber(word); ok && (n == 0 || n == 1) {
			return n == 1
		}
		f.wrong(loc, "bool_parsing", "Input should be a valid boolean, unable to interpret input")
	}
	return false
}

func (f *form) asInt(loc []any, raw json.RawMessage) int {
	word := string(raw)
	switch raw[0] {
	case '{', '[', 'n', 't', 'f':
		f.wrong(loc, "int_type", "Input should be a valid integer")
		return 0
	case '"':
		_ = json.Unmarshal(raw, &word)
	}
	n, ok := wholeNumber(word)
	if !ok {
		f.wrong(loc, "int_parsing", "Input should be a valid integer, unable to parse it as an integer")
	}
	return n
}

// wholeNumber reads 3600, " 3600 " and 3600.0; one that is too large for an int is the largest.
func wholeNumber(text string) (n int, ok bool) {
	text = strings.TrimSpace(text)
	if whole, zeros, found := strings.Cut(text, "."); found && zeros != "" && strings.Trim(zeros, "0") == "" {
		text = whole
	}
	n, err := strconv.Atoi(text)
	if errors.Is(err, strconv.ErrRange) {
		return n, true
	}
	if err == nil {
		return n, true
	}
	scientific, err := strconv.ParseFloat(text, 64) // 3.6e3
	if err != nil || scientific != math.Trunc(scientific) || math.Abs(scientific) > 1<<53 || !strings.ContainsAny(text, "eE") || strings.ContainsAny(text, "xX_") {
		return 0, false
	}
	return int(scientific), true
}

// asList reads an array.
func (f *form) asList(loc []any, raw json.RawMessage) []json.RawMessage {
	var items []json.RawMessage
	if raw[0] != '[' || json.Unmarshal(raw, &items) != nil {
		f.wrong(loc, "list_type", "Input should be a valid list")
	}
	return items
}

// object is a JSON object, its values as they came, without blanks around.
type object map[string]json.RawMessage

// asObject reads an object; nil for what is none.
func (f *form) asObject(loc []any, raw json.RawMessage) object {
	var members object
	if raw[0] != '{' || json.Unmarshal(raw, &members) != nil {
		f.wrong(loc, "dict_type", "Input should be a valid dictionary")
		return nil
	}
	return members
}

// given gives a member; ok is false where it is left out or null.
func (o object) given(name string) (raw json.RawMessage, ok bool) {
	raw, ok = o[name]
	return raw, ok && string(raw) != "null"
}

// required gives a member that must be there, be it null.
func (f *form) required(loc []any, o object, name string) (raw json.RawMessage, ok bool) {
	if raw, ok = o[name]; !ok {
		f.missing(below(loc, name))
	}
	return raw, ok
}

// mostNested is how deeply a body may be nested: a JSON value in an item of a list of the document.
const mostNested = bounds.JSONDepth + 3

// parseObject reads a body in one strict pass: no invalid UTF-8, no repeated key, which readers would see differently, no NaN, nothing
// behind the object.
func parseObject(text []byte) (object, *problem) {
	d := jsontext.NewDecoder(bytes.NewReader(text))
	for more := true; more; more = d.StackDepth() > 0 {
		if _, err := d.ReadToken(); err != nil {
			return nil, badJSON(err)
		}
		if d.StackDepth() > mostNested {
			return nil, &problem{
				Loc: at("body", d.InputOffset()), Type: "json_invalid",
				Msg: fmt.Sprintf("JSON decode error: nest a value at most %d levels deep", bounds.JSONDepth),
			}
		}
	}
	end := d.InputOffset()
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, &problem{Loc: at("body", end), Type: "json_invalid", Msg: "JSON decode error: there is something behind the value"}
	}
	var members object
	if trimmed := bytes.TrimSpace(text); trimmed[0] != '{' || json.Unmarshal(trimmed, &members) != nil {
		return nil, &problem{Loc: at("body"), Type: "model_attributes_type", Msg: "Input should be a valid dictionary or object to extract fields from"}
	}
	return members, nil
}

// badJSON says what is wrong with a JSON text, and where.
func badJSON(err error) *problem {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || !errors.As(err, &syntax):
		return &problem{Loc: at("body", 0), Type: "json_invalid", Msg: "JSON decode error: it ends too early"}
	case errors.Is(err, jsontext.ErrDuplicateName):
		return &problem{
			Loc: at("body", syntax.ByteOffset), Type: "json_invalid",
			Msg: fmt.Sprintf("JSON decode error: the key at %q is there twice", clip(string(syntax.JSONPointer))),
		}
	}
	return &problem{Loc: at("body", syntax.ByteOffset), Type: "json_invalid", Msg: "JSON decode error: " + clip(syntax.Err.Error())}
}

// clip shortens a text that comes from a client for use in an error.
func clip(text string) string {
	const most = 100
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// readAll reads a body, which the edge has bounded.
func readAll(body io.Reader) ([]byte, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, &refused{status: http.StatusBadRequest, detail: "Send the whole request body: it broke off."}
	}
	return text, nil
}
