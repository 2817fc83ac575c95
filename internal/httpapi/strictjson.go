package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// maxJSONDepth is how deeply the arrays and objects of a request may be nested, the request's own object included. A JSON
// argument may take 100 levels (scalar.MaxJSONDepth); the rest is for the inputs around it.
const maxJSONDepth = 200

var (
	errTooDeep  = fmt.Errorf("is nested at most %d levels deep", maxJSONDepth)
	errTrailing = errors.New("is a single JSON value, with nothing behind it")
)

// decodeJSON reads one JSON value in one strict pass: no invalid UTF-8, no half of a surrogate pair, no repeated key (which
// readers would see differently, RFC 8259, section 4), nothing behind the value. Numbers come as json.Number, with the
// digits as they were written. The error completes the sentence "Send a … that".
func decodeJSON(data []byte) (any, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(data)) // by default strict in all of these
	value, err := decodeValue(d)
	if err != nil {
		return nil, explain(err)
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errTrailing
	}
	return value, nil
}

func decodeValue(d *jsontext.Decoder) (any, error) {
	token, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case jsontext.KindNull:
		return nil, nil //nolint:nilnil // the value null
	case jsontext.KindTrue, jsontext.KindFalse:
		return token.Bool(), nil
	case jsontext.KindString:
		return token.String(), nil
	case jsontext.KindNumber:
		return json.Number(token.String()), nil
	default: // an array or an object begins; ends are seen by those who read them
	}
	if d.StackDepth() > maxJSONDepth {
		return nil, errTooDeep
	}
	if token.Kind() == jsontext.KindBeginArray {
		return decodeArray(d)
	}
	return decodeObject(d)
}

func decodeArray(d *jsontext.Decoder) (any, error) {
	array := []any{}
	for d.PeekKind() != jsontext.KindEndArray {
		value, err := decodeValue(d)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
	_, err := d.ReadToken()
	return array, err
}

func decodeObject(d *jsontext.Decoder) (any, error) {
	object := map[string]any{}
	for d.PeekKind() != jsontext.KindEndObject {
		token, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		key := token.String() // before the next read, which makes the token invalid
		value, err := decodeValue(d)
		if err != nil {
			return nil, err
		}
		object[key] = value
	}
	_, err := d.ReadToken()
	return object, err
}

// explain says what is wrong with a JSON text, and where, in terms of the text and in bounded length.
func explain(err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, errTooDeep):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("is valid JSON: it ends too early")
	case !errors.As(err, &syntax):
		return fmt.Errorf("is valid JSON: %s", clip(err.Error()))
	case errors.Is(err, jsontext.ErrDuplicateName):
		return fmt.Errorf("has each object key once: %q is repeated", clip(syntax.JSONPointer.LastToken()))
	default:
		return fmt.Errorf("is valid JSON: %s at byte %d", clip(syntax.Err.Error()), syntax.ByteOffset)
	}
}
