package scalar

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"agentstate/internal/bounds"
)

// MaxJSONDepth is how deeply the arrays and objects of a JSON value may be nested.
const MaxJSONDepth = bounds.JSONDepth

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
	v, _, err := restoreNumbers(v, 0)
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

// restoreNumbers gives v with the marked numbers as json.Number and with empty lists in place of nil ones; changed says whether
// there were any. It writes to nothing that it is given, since other fields may be reading the same variable: what changes is copied.
func restoreNumbers(v any, depth int) (restored any, changed bool, err error) {
	switch v := v.(type) {
	case string:
		if digits, ok := strings.CutPrefix(v, numberMark); ok {
			return json.Number(digits), true, nil
		}
	case []any:
		if depth == MaxJSONDepth {
			return nil, false, errTooDeep
		}
		if v == nil {
			return []any{}, true, nil // gqlparser gives an empty list literal as a nil slice
		}
		var list []any
		for i, child := range v {
			restored, changed, err := restoreNumbers(child, depth+1)
			if err != nil {
				return nil, false, err
			}
			if changed {
				if list == nil {
					list = slices.Clone(v)
				}
				list[i] = restored
			}
		}
		if list != nil {
			return list, true, nil
		}
	case map[string]any:
		if depth == MaxJSONDepth {
			return nil, false, errTooDeep
		}
		var object map[string]any
		for key, child := range v {
			restored, changed, err := restoreNumbers(child, depth+1)
			if err != nil {
				return nil, false, err
			}
			if changed {
				if object == nil {
					object = maps.Clone(v)
				}
				object[key] = restored
			}
		}
		if object != nil {
			return object, true, nil
		}
	}
	return v, false, nil
}
