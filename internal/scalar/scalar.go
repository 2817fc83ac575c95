// Package scalar holds the GraphQL scalars of the project: DateTime, JSON and an Int of exactly 32 bits. gqlgen binds them by
// the names of their functions (gqlgen.yml).
package scalar

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// dateTimeFormat is RFC 3339 in UTC with microseconds.
const dateTimeFormat = "2006-01-02T15:04:05.000000Z"

// MarshalDateTime writes t in UTC with microseconds.
func MarshalDateTime(t time.Time) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		_, _ = w.Write(AppendDateTime(nil, t))
	})
}

// AppendDateTime appends what MarshalDateTime writes.
func AppendDateTime(out []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(out, `"`+dateTimeFormat+`"`)
	}
	hour, minute, second := t.Clock()
	out = appendDigits(append(out, '"'), year, 4)
	out = appendDigits(append(out, '-'), int(month), 2)
	out = appendDigits(append(out, '-'), day, 2)
	out = appendDigits(append(out, 'T'), hour, 2)
	out = appendDigits(append(out, ':'), minute, 2)
	out = appendDigits(append(out, ':'), second, 2)
	out = appendDigits(append(out, '.'), t.Nanosecond()/1000, 6)
	return append(out, 'Z', '"')
}

// appendDigits appends the last digits of n: AppendFormat, which reads its layout each time, was a twentieth of what an answer with 20 messages
// costs.
func appendDigits(out []byte, n, digits int) []byte {
	out = append(out, "000000"[:digits]...)
	for i := len(out) - 1; n > 0 && digits > 0; i-- {
		out[i] = byte('0' + n%10)
		n /= 10
		digits--
	}
	return out
}

// dateTimeForm is RFC 3339's date-time, which time.Parse takes more of: hours of one digit, a comma ahead of the fraction, offsets
// of 24 hours. A second of 60 stays for time.Parse to refuse: a time.Time has no leap seconds.
// https://www.rfc-editor.org/rfc/rfc3339#section-5.6
var dateTimeForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// UnmarshalDateTime reads an RFC 3339 time with an offset, in the years 1 to 9999, into UTC with microseconds.
func UnmarshalDateTime(v any) (time.Time, error) {
	text, ok := v.(string)
	if !ok {
		return time.Time{}, invalid("give a DateTime as an RFC 3339 string")
	}
	upper := strings.ToUpper(text) // t and z mean T and Z
	t, err := time.Parse(time.RFC3339Nano, upper)
	if err != nil || !dateTimeForm.MatchString(upper) {
		return time.Time{}, invalid("give a DateTime as RFC 3339 with an offset, such as 2026-11-22T14:03:07.12Z, not %q", clip(text))
	}
	if t = t.UTC().Truncate(time.Microsecond); t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, invalid("give a DateTime in the years 0001 to 9999")
	}
	return t, nil
}

// MarshalInt writes n in digits.
func MarshalInt(n int) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		_, _ = w.Write(strconv.AppendInt(nil, int64(n), 10))
	})
}

// UnmarshalInt reads a whole number of 32 bits, as GraphQL defines Int; a string is none.
// https://spec.graphql.org/October2021/#sec-Int
func UnmarshalInt(v any) (int, error) {
	var n int64
	switch v := v.(type) {
	case int:
		n = int64(v)
	case int32:
		n = int64(v)
	case int64:
		n = v
	case json.Number:
		parsed, err := strconv.ParseInt(v.String(), 10, 64)
		if err != nil {
			return 0, invalid("give an Int as a whole number of 32 bits, not %s", clip(v.String()))
		}
		n = parsed
	case float64:
		if v != math.Trunc(v) || v < math.MinInt32 || v > math.MaxInt32 {
			return 0, invalid("give an Int as a whole number of 32 bits, not %v", v)
		}
		n = int64(v)
	default:
		return 0, invalid("give an Int as a number, not as %T", v)
	}
	if n < math.MinInt32 || n > math.MaxInt32 {
		return 0, invalid("give an Int of 32 bits, not %d", n)
	}
	return int(n), nil
}

// Error says what is wrong with a value that a client gave for a scalar. Its text is meant for the client.
type Error struct{ text string }

func (e *Error) Error() string { return e.text }

func invalid(format string, args ...any) error { return &Error{text: fmt.Sprintf(format, args...)} }

// clip shortens a text that comes from a client for use in an error.
func clip(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
