package compiled

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"agentstate/internal/scalar"
)

// Leaf gives a field that takes neither arguments nor a selection.
func Leaf[T any](write Writer[T]) Field[T] {
	return func(*Compiler, graphql.CollectedField) Writer[T] { return write }
}

// String gives a field that is a text, an id or a name of an enumeration.
func String[T any, S ~string](get func(T) S) Field[T] {
	return Leaf(func(r *Run, value T) { r.Out = AppendString(r.Out, string(get(value))) })
}

// Plain gives a field that is a text in which nothing needs to be escaped, as appendTo appends it.
func Plain[T any](appendTo func(value T, out []byte) []byte) Field[T] {
	return Leaf(func(r *Run, value T) { r.Out = append(appendTo(value, append(r.Out, '"')), '"') })
}

// NullableString is String for one that may be null.
func NullableString[T any, S ~string](get func(T) *S) Field[T] {
	write := OrNull(func(r *Run, text *S) { r.Out = AppendString(r.Out, string(*text)) })
	return Leaf(func(r *Run, value T) { write(r, get(value)) })
}

// Strings gives a field that is a list of texts or ids.
func Strings[T any](get func(T) []string) Field[T] {
	write := Each(func(r *Run, text string) { r.Out = AppendString(r.Out, text) })
	return Leaf(func(r *Run, value T) { write(r, get(value)) })
}

// Int gives a field that is a whole number.
func Int[T any](get func(T) int) Field[T] {
	return Leaf(func(r *Run, value T) { r.Out = strconv.AppendInt(r.Out, int64(get(value)), 10) })
}

// Bool gives a field that is true or false.
func Bool[T any](get func(T) bool) Field[T] {
	return Leaf(func(r *Run, value T) { r.Out = strconv.AppendBool(r.Out, get(value)) })
}

// Time gives a field that is a DateTime.
func Time[T any](get func(T) time.Time) Field[T] {
	return Leaf(func(r *Run, value T) { r.Out = scalar.AppendDateTime(r.Out, get(value)) })
}

// JSON gives a field that is a JSON value. Without one it fails: the field may not be null, and gqlgen says so.
func JSON[T any](get func(T) json.RawMessage) Field[T] {
	return Leaf(func(r *Run, value T) {
		raw := get(value)
		if raw == nil {
			r.Fail()
		}
		r.Out = append(r.Out, raw...)
	})
}

// NullableJSON is JSON for one that may be null, which is what nil is.
func NullableJSON[T any](get func(T) json.RawMessage) Field[T] {
	return Leaf(func(r *Run, value T) {
		raw := get(value)
		if raw == nil {
			raw = null
		}
		r.Out = append(r.Out, raw...)
	})
}

var null = json.RawMessage("null")

const hexDigits = "0123456789ABCDEF"

// AppendString appends a text as JSON, as gqlgen writes it.
func AppendString(out []byte, text string) []byte {
	out = append(out, '"')
	start := 0
	for i := range len(text) {
		c := text[i]
		if c >= 0x20 && c != '\\' && c != '"' {
			continue
		}
		out = append(out, text[start:i]...)
		start = i + 1
		switch c {
		case '\t':
			out = append(out, '\\', 't')
		case '\r':
			out = append(out, '\\', 'r')
		case '\n':
			out = append(out, '\\', 'n')
		case '\\', '"':
			out = append(out, '\\', c)
		default:
			out = append(out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
		}
	}
	return append(append(out, text[start:]...), '"')
}
