package scalar

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// MaxJSONDepth is how deeply the arrays and objects of a JSON value may be nested.
const MaxJSONDepth = 100

var errTooDeep = invalid("nest a JSON value at most %d levels deep", MaxJSONDepth)

// numberMark stands ahead of the digits of a number literal that PreserveNumbers has turned into a string. It is random
// for each process, so no client can write it.
var numberMark = "\x00" + rand.Text() + "\x00"

// MarshalJSON writes raw as it is; nil is null.
func MarshalJSON(raw json.RawMessage) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		if raw == nil {
			raw = json.RawMessage("null")
		}
		_, _ = w.Write(raw)
	})
}

// UnmarshalJSON turns an argument into compact JSON with its keys sorted, so that equal values have equal bytes. Numbers
// keep their digits: those of variables because requests are decoded with UseNumber, those of literals by PreserveNumbers.
func UnmarshalJSON(v any) (json.RawMessage, error) {
	v, err := restoreNumbers(v, 0)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, invalid("give a JSON value: %v", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// PreserveNumbers prepares a validated document so that number literals inside JSON arguments keep their digits:
// gqlparser would read them through int64 and float64. It must run before the document is shared.
func PreserveNumbers(doc *ast.QueryDocument) {
	for _, op := range doc.Operations {
		for _, def := range op.VariableDefinitions {
			preserve(def.DefaultValue, false)
		}
		preserveSelections(op.SelectionSet)
	}
	for _, fragment := range doc.Fragments {
		preserveSelections(fragment.SelectionSet)
	}
}

func preserveSelections(set ast.SelectionSet) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			for _, arg := range s.Arguments {
				preserve(arg.Value, false)
			}
			preserveSelections(s.SelectionSet)
		case *ast.InlineFragment:
			preserveSelections(s.SelectionSet)
		}
	}
}

// preserve marks the numbers below v; inside says that v lies within a JSON value.
func preserve(v *ast.Value, inside bool) {
	if v == nil {
		return
	}
	inside = inside || (v.Definition != nil && v.Definition.Name == "JSON")
	if inside && (v.Kind == ast.IntValue || v.Kind == ast.FloatValue) {
		v.Kind, v.Raw = ast.StringValue, numberMark+v.Raw
	}
	for _, child := range v.Children {
		preserve(child.Value, inside)
	}
}

// restoreNumbers gives v with the marked numbers as json.Number. It writes only where there was a mark, which is in values
// made from literals, never in a variable that other fields may be reading.
func restoreNumbers(v any, depth int) (any, error) {
	switch v := v.(type) {
	case string:
		if digits, ok := strings.CutPrefix(v, numberMark); ok {
			return json.Number(digits), nil
		}
	case []any:
		if depth == MaxJSONDepth {
			return nil, errTooDeep
		}
		if v == nil {
			return []any{}, nil // gqlparser gives an empty list literal as a nil slice
		}
		for i, child := range v {
			restored, err := restoreNumbers(child, depth+1)
			if err != nil {
				return nil, err
			}
			if isRestored(child, restored) {
				v[i] = restored
			}
		}
	case map[string]any:
		if depth == MaxJSONDepth {
			return nil, errTooDeep
		}
		for key, child := range v {
			restored, err := restoreNumbers(child, depth+1)
			if err != nil {
				return nil, err
			}
			if isRestored(child, restored) {
				v[key] = restored
			}
		}
	}
	return v, nil
}

// isRestored tells whether restoreNumbers gave something else than it got: a number for a mark, a list for a nil one.
func isRestored(before, after any) bool {
	switch before := before.(type) {
	case string:
		_, is := after.(json.Number)
		return is
	case []any:
		return before == nil
	}
	return false
}
