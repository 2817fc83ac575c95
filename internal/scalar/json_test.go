package scalar

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
)

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
		`{"b":12345678901234567890.120,"a":1e400}`:  `{"a":1e400,"b":12345678901234567890.120}`,
		`[1.0, -0, 1E+2, 9007199254740993]`:         `[1.0,-0,1E+2,9007199254740993]`,
		`{"a":{"c":null,"b":[]},"A":{},"":0,"é":1}`: `{"":0,"A":{},"a":{"b":[],"c":null},"é":1}`,
		`"<b>&amp; 😀 \u003c\/b\u003e \n\u0000"`:     `"<b>&amp; 😀 </b> \n\u0000"`,
		`""`:    `""`,
		`null`:  `null`,
		`false`: `false`,
	} {
		raw, err := UnmarshalJSON(decode(t, given))
		require.NoError(t, err)
		assert.Equal(t, want, string(raw))
		assert.Equal(t, want, written(MarshalJSON(raw)))
	}
	assert.Equal(t, "null", written(MarshalJSON(nil)))
}

func TestJSONRefusesWhatIsNone(t *testing.T) {
	for _, given := range []any{json.Number("x"), map[string]any{"a": func() {}}} {
		_, err := UnmarshalJSON(given)
		requireRefused(t, err)
	}
}

func TestJSONDepth(t *testing.T) {
	lists := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	objects := func(n int) string { return strings.Repeat(`{"a":`, n-1) + "{}" + strings.Repeat("}", n-1) }
	for _, nested := range []func(int) string{lists, objects} {
		raw, err := UnmarshalJSON(decode(t, nested(MaxJSONDepth)))
		require.NoError(t, err)
		assert.Equal(t, nested(MaxJSONDepth), string(raw))
		_, err = UnmarshalJSON(decode(t, nested(MaxJSONDepth+1)))
		requireRefused(t, err)

		literal := func(n int) any { return argument(t, `{ f(j: `+strings.ReplaceAll(nested(n), `"`, "")+`) }`, "j", nil) }
		raw, err = UnmarshalJSON(literal(MaxJSONDepth))
		require.NoError(t, err)
		assert.Equal(t, nested(MaxJSONDepth), string(raw))
		_, err = UnmarshalJSON(literal(MaxJSONDepth + 1))
		requireRefused(t, err)
	}
}

func TestMarksCannotBeForged(t *testing.T) {
	for _, given := range []string{
		"\x00number:5", "\x00\x005", "\x00" + strings.Repeat("A", 26) + "\x005", // as long as a mark
		" " + numberMark + "5", strings.ToLower(numberMark) + "5", strings.Trim(numberMark, "\x00") + "5", numberMark[:len(numberMark)-1],
	} {
		for _, v := range []any{given, []any{given}, map[string]any{given: given}} {
			raw, err := UnmarshalJSON(v)
			require.NoError(t, err)
			assert.Equal(t, v, decode(t, string(raw)), "a string stays one")
		}
	}
	assert.Len(t, numberMark, 28, "130 random bits")
}

var schema = gqlparser.MustLoadSchema(&ast.Source{Input: `
	scalar JSON
	input In { j: JSON js: [JSON!] n: Int in: In }
	type Query { f(j: JSON, in: In, js: [[JSON!]!], n: Int, x: Float): Int q: Query }`})

// prepared gives a document as the server prepares it.
func prepared(tb testing.TB, document string) *ast.QueryDocument {
	tb.Helper()
	doc, err := parser.ParseQuery(&ast.Source{Input: document})
	require.NoError(tb, err)
	require.Empty(tb, validator.ValidateWithRules(schema, doc, nil))
	PreserveNumbers(doc)
	PreserveNumbers(doc) // a second time does no harm
	return doc
}

// argument gives an argument of the first field of a document.
func argument(tb testing.TB, document, name string, variables map[string]any) any {
	tb.Helper()
	doc := prepared(tb, document)
	variables, err := validator.VariableValues(schema, doc.Operations[0], variables)
	require.NoError(tb, err)
	value, err := doc.Operations[0].SelectionSet[0].(*ast.Field).Arguments.ForName(name).Value.Value(variables)
	require.NoError(tb, err)
	return value
}

func TestLiteralsKeepTheirDigits(t *testing.T) {
	for document, want := range map[string]string{
		`{ f(j: 1.10) }`:                             `1.10`,
		`{ f(j: -0) }`:                               `-0`,
		`{ f(j: 1E+2) }`:                             `1E+2`,
		`{ f(j: 12345678901234567890) }`:             `12345678901234567890`,
		`{ f(j: {b: [1.0, {b: -0.50}], a: E}) }`:     `{"a":"E","b":[1.0,{"b":-0.50}]}`,
		`{ f(j: [true, null, "1.0", [[]], [{}]]) }`:  `[true,null,"1.0",[[]],[{}]]`,
		`{ f(j: []) }`:                               `[]`,
		`{ f(j: {a: []}) }`:                          `{"a":[]}`,
		`{ f(j: {}) }`:                               `{}`,
		`{ f(j: "1.10") }`:                           `"1.10"`,
		`query($v: JSON) { f(j: {a: $v, b: 2.0}) }`:  `{"a":[7.70],"b":2.0}`,
		`query($v: JSON) { f(j: [$v, 2.0, $v]) }`:    `[[7.70],2.0,[7.70]]`,
		`query($v: JSON) { f(j: $v) }`:               `[7.70]`,
		`query($w: JSON = 1.10) { f(j: $w) }`:        `1.10`,
		`query($w: JSON = [2.0, []]) { f(j: $w) }`:   `[2.0,[]]`,
		`query($w: JSON = {a: 2.0}) { f(j: [$w]) }`:  `[{"a":2.0}]`,
		`query($v: JSON = [1.0, []]) { f(j: [$v]) }`: `[[7.70]]`,
	} {
		raw, err := UnmarshalJSON(argument(t, document, "j", map[string]any{"v": decode(t, `[7.70]`)}))
		require.NoError(t, err, document)
		assert.Equal(t, want, string(raw), document)
	}
}

func TestLiteralsWithinInputsKeepTheirDigits(t *testing.T) {
	for _, document := range []string{
		`{ f(in: {j: 1.10, js: [2.0], n: 3, in: {j: 4.0}}) }`,
		`query($in: In = {j: 1.10, js: [2.0], n: 3, in: {j: 4.0}}) { f(in: $in) }`,
	} {
		in := argument(t, document, "in", nil).(map[string]any)
		for want, v := range map[string]any{"1.10": in["j"], "[2.0]": in["js"], "4.0": in["in"].(map[string]any)["j"]} {
			raw, err := UnmarshalJSON(v)
			require.NoError(t, err)
			assert.Equal(t, want, string(raw), document)
		}
		assert.Equal(t, int64(3), in["n"], "an Int is left alone")
	}
	raw, err := UnmarshalJSON(argument(t, `{ f(js: [[1.0], [2.0, {a: 3.0}]]) }`, "js", nil))
	require.NoError(t, err)
	assert.Equal(t, `[[1.0],[2.0,{"a":3.0}]]`, string(raw))
	assert.InDelta(t, 1.5, argument(t, `{ f(x: 1.5) }`, "x", nil), 0, "a Float is left alone")
	assert.Equal(t, int64(1), argument(t, `{ f(n: 1) }`, "n", nil))
}

// Whichever way a field is selected, its literals are prepared.
func TestLiteralsKeepTheirDigitsAnywhere(t *testing.T) {
	doc := prepared(t, `
		query { f(j: 1.10) q { f(j: 1.10) ... { f(j: 1.10) ...F } ... on Query { q { f(j: 1.10) } } } }
		fragment F on Query { f(j: 1.10) q { f(j: 1.10) } }`)
	found := 0
	var visit func(ast.SelectionSet)
	visit = func(set ast.SelectionSet) {
		for _, selection := range set {
			switch s := selection.(type) {
			case *ast.Field:
				for _, arg := range s.Arguments {
					v, err := arg.Value.Value(nil)
					require.NoError(t, err)
					raw, err := UnmarshalJSON(v)
					require.NoError(t, err)
					assert.Equal(t, "1.10", string(raw))
					found++
				}
				visit(s.SelectionSet)
			case *ast.InlineFragment:
				visit(s.SelectionSet)
			case *ast.FragmentSpread:
				visit(s.Definition.SelectionSet)
			}
		}
	}
	visit(doc.Operations[0].SelectionSet)
	assert.Equal(t, 6, found)
}

// A value belongs to all the fields that read the same variable, also one that is the variable's default and has marks. Run with
// -race this sees a write as well that leaves things as they were.
func TestValuesAreOnlyRead(t *testing.T) {
	for name, document := range map[string]string{
		"given":   `query($v: JSON) { f(j: $v) }`,
		"default": `query($w: JSON = {a: [1.0, {b: []}]}) { f(j: $w) }`,
	} {
		t.Run(name, func(t *testing.T) {
			given := map[string]any{"v": decode(t, `{"a":[1.0,{"b":[]}]}`)}
			shared := argument(t, document, "j", given)
			before := argument(t, document, "j", given)
			var done sync.WaitGroup
			for range 8 {
				done.Go(func() {
					raw, err := UnmarshalJSON(shared)
					assert.Equal(t, `{"a":[1.0,{"b":[]}]}`, string(raw), "%v", err)
				})
			}
			done.Wait()
			assert.True(t, reflect.DeepEqual(before, shared))
		})
	}
}

// FuzzJSON takes whatever a decoder gives, and finds it unchanged but for blanks and the order of keys.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"b":1.0,"a":[null,{}]}`, `"\u2028<&>\ud83d\ude00"`, `1e400`, `[[[[]]]]`, `{"a":1,"a":2}`, `"\ud800"`, strings.Repeat("[", 101) + strings.Repeat("]", 101),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) {
			return
		}
		v := decode(t, text)
		raw, err := UnmarshalJSON(v)
		if err != nil {
			requireRefused(t, err)
			assert.Greater(t, strings.Count(text, "[")+strings.Count(text, "{"), MaxJSONDepth)
			return
		}
		assert.Equal(t, v, decode(t, string(raw)))
		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, raw))
		assert.Equal(t, compact.String(), string(raw))
		again, err := UnmarshalJSON(decode(t, string(raw)))
		require.NoError(t, err)
		assert.Equal(t, string(raw), string(again), "equal values have equal bytes")
	})
}

// FuzzLiteral takes whatever stands for a JSON value in a document.
func FuzzLiteral(f *testing.F) {
	for _, seed := range []string{`1.10`, `{a: [-0, E, "1", []], b: $v}`, `"\u0000AAAAAAAAAAAAAAAAAAAAAAAAAA\u00001"`, `"""block"""`, `1e400`, `[$v, $v]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, literal string) {
		doc, err := parser.ParseQuery(&ast.Source{Input: `query($v: JSON = [1.0]) { f(j: ` + literal + `) }`})
		if err != nil || len(validator.ValidateWithRules(schema, doc, nil)) > 0 {
			return
		}
		PreserveNumbers(doc)
		variables, err := validator.VariableValues(schema, doc.Operations[0], nil)
		require.NoError(t, err)
		field, ok := doc.Operations[0].SelectionSet[0].(*ast.Field)
		require.True(t, ok)
		v, err := field.Arguments.ForName("j").Value.Value(variables)
		require.NoError(t, err)
		raw, err := UnmarshalJSON(v)
		if err != nil {
			requireRefused(t, err)
			return
		}
		require.True(t, json.Valid(raw), "%s", raw)
		assert.NotContains(t, string(raw), strings.Trim(numberMark, "\x00"))
		if _, isNumber := decode(t, string(raw)).(json.Number); isNumber && !strings.ContainsAny(literal, "$#,") {
			assert.Equal(t, strings.Trim(literal, " \t\r\n\ufeff"), string(raw))
		}
	})
}
