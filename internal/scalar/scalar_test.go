package scalar

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
)

func TestDateTime(t *testing.T) {
	for given, want := range map[string]string{
		"2026-11-22T14:03:07Z":         "2026-11-22T14:03:07.000000Z",
		"2026-11-22T14:03:07.1203949Z": "2026-11-22T14:03:07.120394Z",
		"2026-11-22T14:03:07.5+02:30":  "2026-11-22T11:33:07.500000Z",
		"0001-01-01T00:00:00Z":         "0001-01-01T00:00:00.000000Z",
		"9999-12-31T23:59:59.999999Z":  "9999-12-31T23:59:59.999999Z",
	} {
		at, err := UnmarshalDateTime(given)
		require.NoError(t, err, given)
		var text strings.Builder
		MarshalDateTime(at).MarshalGQL(&text)
		assert.Equal(t, `"`+want+`"`, text.String())
	}
	for _, given := range []any{
		"", "2026-11-22", "2026-11-22T14:03:07", "22.11.2026", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", 5, nil,
	} {
		_, err := UnmarshalDateTime(given)
		var invalid *Error
		require.ErrorAs(t, err, &invalid, "%v", given)
	}
	var text strings.Builder
	MarshalDateTime(time.Date(2026, 1, 2, 3, 4, 5, 6000, time.FixedZone("", 3600))).MarshalGQL(&text)
	assert.Equal(t, `"2026-01-02T02:04:05.000006Z"`, text.String())
}

func TestInt(t *testing.T) {
	for _, given := range []any{7, int32(7), int64(7), json.Number("7"), 7.0} {
		n, err := UnmarshalInt(given)
		require.NoError(t, err)
		assert.Equal(t, 7, n)
	}
	for _, edge := range []int64{-1 << 31, 1<<31 - 1} {
		n, err := UnmarshalInt(edge)
		require.NoError(t, err)
		assert.EqualValues(t, edge, n)
	}
	for _, given := range []any{int64(1 << 31), int64(-1<<31 - 1), json.Number("2147483648"), json.Number("1.5"), json.Number("1e99"), 1.5, 1e18, "7", true, nil} {
		_, err := UnmarshalInt(given)
		var invalid *Error
		require.ErrorAs(t, err, &invalid, "%v", given)
	}
	var text strings.Builder
	MarshalInt(-12).MarshalGQL(&text)
	assert.Equal(t, "-12", text.String())
}

// decode reads JSON as requests are read.
func decode(tb testing.TB, text string) any {
	tb.Helper()
	var v any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	require.NoError(tb, d.Decode(&v))
	return v
}

func TestJSONIsKept(t *testing.T) {
	for given, want := range map[string]string{
		`{"b":12345678901234567890.120,"a":1e400}`: `{"a":1e400,"b":12345678901234567890.120}`,
		`[1.0, -0, 9007199254740993]`:              `[1.0,-0,9007199254740993]`,
		`{"a":{"c":null,"b":[]}}`:                  `{"a":{"b":[],"c":null}}`,
		`"<b>&amp; 😀"`:                             `"<b>&amp; 😀"`,
		`null`:                                     `null`,
		`true`:                                     `true`,
	} {
		raw, err := UnmarshalJSON(decode(t, given))
		require.NoError(t, err)
		assert.Equal(t, want, string(raw))
	}
	var text strings.Builder
	MarshalJSON(nil).MarshalGQL(&text)
	assert.Equal(t, "null", text.String())
}

func TestJSONDepth(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	_, err := UnmarshalJSON(decode(t, nested(MaxJSONDepth)))
	require.NoError(t, err)
	_, err = UnmarshalJSON(decode(t, nested(MaxJSONDepth+1)))
	var invalid *Error
	require.ErrorAs(t, err, &invalid)
}

func TestMarksCannotBeForged(t *testing.T) {
	for _, given := range []string{"\x00number:5", "\x00\x005", "\x00" + strings.Repeat("A", 26) + "\x005"} {
		raw, err := UnmarshalJSON(given)
		require.NoError(t, err)
		var back string
		require.NoError(t, json.Unmarshal(raw, &back), "it stays a string")
		assert.Equal(t, given, back)
	}
}

var schema = gqlparser.MustLoadSchema(&ast.Source{Input: `
	scalar JSON
	input In { j: JSON n: Int }
	type Query { f(j: JSON, in: In, n: Int, x: Float): Int }`})

// argument gives an argument of the first field of a document, prepared as the server prepares it.
func argument(tb testing.TB, document, name string, variables map[string]any) any {
	tb.Helper()
	doc, err := parser.ParseQuery(&ast.Source{Input: document})
	require.NoError(tb, err)
	require.Empty(tb, validator.ValidateWithRules(schema, doc, nil))
	PreserveNumbers(doc)
	PreserveNumbers(doc) // a second time does no harm
	field := doc.Operations[0].SelectionSet[0].(*ast.Field)
	value, err := field.Arguments.ForName(name).Value.Value(variables)
	require.NoError(tb, err)
	return value
}

func TestLiteralsKeepTheirDigits(t *testing.T) {
	for document, want := range map[string]string{
		`{ f(j: 1.10) }`:                            `1.10`,
		`{ f(j: {a: [1.0, {b: -0.50}], c: E}) }`:    `{"a":[1.0,{"b":-0.50}],"c":"E"}`,
		`{ f(j: []) }`:                              `[]`,
		`{ f(j: {a: []}) }`:                         `{"a":[]}`,
		`{ f(j: "1.10") }`:                          `"1.10"`,
		`query($v: JSON) { f(j: {a: $v, b: 2.0}) }`: `{"a":[7.70],"b":2.0}`,
	} {
		raw, err := UnmarshalJSON(argument(t, document, "j", map[string]any{"v": decode(t, `[7.70]`)}))
		require.NoError(t, err, document)
		assert.Equal(t, want, string(raw), document)
	}
	inside := argument(t, `{ f(in: {j: 1.10, n: 3}) }`, "in", nil).(map[string]any)
	raw, err := UnmarshalJSON(inside["j"])
	require.NoError(t, err)
	assert.Equal(t, "1.10", string(raw))
	assert.Equal(t, int64(3), inside["n"], "an Int is left alone")
	assert.InDelta(t, 1.5, argument(t, `{ f(x: 1.5) }`, "x", nil), 0, "a Float is left alone")
}

// TestVariablesAreOnlyRead would fail under -race if a variable that two fields share were written to.
func TestVariablesAreOnlyRead(t *testing.T) {
	shared := decode(t, `{"a":[1.0,{"b":[]}]}`)
	done := make(chan error)
	for range 8 {
		go func() {
			_, err := UnmarshalJSON(shared)
			done <- err
		}()
	}
	for range 8 {
		require.NoError(t, <-done)
	}
}

func FuzzDateTime(f *testing.F) {
	f.Add("2026-11-22T14:03:07.12Z")
	f.Add("0000-13-99")
	f.Fuzz(func(t *testing.T, text string) {
		at, err := UnmarshalDateTime(text)
		if err != nil {
			return
		}
		var written strings.Builder
		MarshalDateTime(at).MarshalGQL(&written)
		again, err := UnmarshalDateTime(strings.Trim(written.String(), `"`))
		require.NoError(t, err)
		assert.True(t, at.Equal(again))
	})
}
