package httpapi

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDecodeJSON(t *testing.T) {
	got, err := decodeJSON([]byte(` {"n":null,"t":true,"f":false,"s":"a\u00e9\ud834\udd1e","x":[-0,1.10,1e400,[],{}]} `))
	require.NoError(t, err)
	assert.Equal(t, map[string]any{
		"n": nil, "t": true, "f": false, "s": "aé𝄞",
		"x": []any{json.Number("-0"), json.Number("1.10"), json.Number("1e400"), []any{}, map[string]any{}},
	}, got)
}

func TestDecodeJSONRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":             {"", "is valid JSON: it ends too early"},
		"half an object":      {`{"a":`, "is valid JSON: it ends too early"},
		"half a string":       {`"a`, "is valid JSON: it ends too early"},
		"a comma too much":    {`{"a":1,}`, "is valid JSON: "},
		"a missing comma":     {`[1 2]`, "is valid JSON: "},
		"a wrong bracket":     {`{"a":[1}`, "is valid JSON: "},
		"single quotes":       {`{'a':1}`, "is valid JSON: "},
		"a number as key":     {`{1:1}`, "is valid JSON: "},
		"not a number":        {`NaN`, "is valid JSON: "},
		"a leading zero":      {`01`, ""},
		"a control character": {"\"\n\"", "is valid JSON: "},
		"a byte order mark":   {"\ufeff{}", "is valid JSON: "},
		"invalid UTF-8":       {"{\"a\":\"\xff\"}", "is valid JSON: invalid UTF-8 at byte 6"},
		"UTF-8 of surrogates": {"\"\xed\xa0\x80\"", "is valid JSON: invalid UTF-8"},
		"half a pair":         {`{"a":"\ud800"}`, `is valid JSON: invalid surrogate pair`},
		"the other half":      {`"\udc00"`, "is valid JSON: invalid surrogate pair"},
		"pair broken up":      {`"\ud800x\udc00"`, "is valid JSON: invalid surrogate pair"},
		"a half in a key":     {`{"\ud800":1}`, "is valid JSON: invalid surrogate pair"},
		"a repeated key":      {`{"a":1,"b":{"k":1,"k":2}}`, `has each object key once: "k" is repeated`},
		"an escaped repeat":   {`{"a":1,"\u0061":2}`, `has each object key once: "a" is repeated`},
		"something behind":    {`{} x`, "is a single JSON value, with nothing behind it"},
		"two values":          {`{}{}`, "is a single JSON value, with nothing behind it"},
		"too deep an array":   {strings.Repeat("[", 201) + strings.Repeat("]", 201), "is nested at most 200 levels deep"},
		"too deep objects":    {strings.Repeat(`{"a":`, 201) + "1" + strings.Repeat("}", 201), "is nested at most 200 levels deep"},
		"a flood of brackets": {strings.Repeat("[", 1_000_000), "is nested at most 200 levels deep"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decodeJSON([]byte(c.text))
			require.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "jsontext")
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestDecodeJSONAtItsDepth(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("[", 200) + strings.Repeat("]", 200),
		strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200),
	} {
		_, err := decodeJSON([]byte(text))
		require.NoError(t, err)
	}
}

func TestErrorsOfDecodeJSONAreShort(t *testing.T) {
	long := strings.Repeat("k", 100_000)
	for _, text := range []string{`{"` + long + `":1,"` + long + `":2}`, long, `"\u` + long} {
		_, err := decodeJSON([]byte(text))
		require.Error(t, err)
		assert.Less(t, len(err.Error()), 500)
	}
}

// Whatever decodeJSON takes, encoding/json reads to the same value; what encoding/json does not take, decodeJSON does not
// take either.
func FuzzDecodeJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e3,"x",null,true,{}]}`, `{"a":1,"a":2}`, "\"\xff\"", `"\ud800"`, `[[[]]]`, `1 2`, ``} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeJSON(bytes.Clone(data))
		if err != nil {
			if !utf8.ValidString(err.Error()) || len(err.Error()) > 1000 {
				t.Fatalf("unfit error %q", err)
			}
			return
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		var want any
		require.NoError(t, d.Decode(&want))
		assert.Equal(t, want, got)
	})
}
