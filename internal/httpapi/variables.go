package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// strictVariables is a gqlgen extension that refuses variables which gqlparser lets through although the specification does not:
// a number for a String, an enum value in other letters, a fraction for an Int, null where its use takes none.
// https://spec.graphql.org/October2021/#sec-Scalars and #sec-Enums, input coercion
type strictVariables struct{ schema *ast.Schema }

// ExtensionName names the extension.
func (strictVariables) ExtensionName() string { return "StrictVariables" }

// Validate has nothing to check.
func (strictVariables) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext refuses an operation whose variables are not of their types. It changes nothing.
func (s strictVariables) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	for _, def := range op.Operation.VariableDefinitions {
		value, given := op.Variables[def.Variable]
		bad := s.check(def.Type, value)
		if bad == nil && given && value == nil {
			bad = checkNull(op.Operation, def.Variable)
		}
		if bad != nil {
			path := bad.within(ast.PathName(def.Variable)).within(ast.PathName(variablePath)).path
			slices.Reverse(path)
			err := gqlerror.ErrorPathf(path, "%s", bad.message)
			errcode.Set(err, errcode.ValidationFailed)
			return err
		}
	}
	return nil
}

// variablePath is what the path of an error of gqlparser about a variable begins with.
const variablePath = "variable"

// presentVariables gives errors about the values of variables the code of bad input, and as its argument the path of the input
// field that the value is for: what is wrong is what was given, not the document. All others go to next.
func presentVariables(next graphql.ErrorPresenterFunc) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		bad, ok := err.(*gqlerror.Error) //nolint:errorlint // a wrapped one comes from a resolver
		if !ok || bad.Extensions["code"] != errcode.ValidationFailed || len(bad.Path) < 2 || bad.Path[0] != ast.PathName(variablePath) {
			return next(ctx, err)
		}
		variable, argument := bad.Path[1:].String(), bad.Path[1:]
		if graphql.HasOperationContext(ctx) {
			if name, ok := argument[0].(ast.PathName); ok {
				argument = slices.Concat(useOf(graphql.GetOperationContext(ctx).Operation, string(name)), argument[1:])
			}
		}
		// gqlparser tells the kind of Go that it has, a string for a number, or the 0 that it failed to make of it.
		message := bad.Message
		if value, kind, ok := strings.Cut(message, " as "); ok && strings.HasPrefix(value, "cannot use ") {
			message = "give it a value of type " + kind
		}
		return &gqlerror.Error{
			Message:    fmt.Sprintf("Check the variable %s: %s.", variable, message),
			Extensions: map[string]any{"code": codeBadUserInput, "argument": argument.String()},
		}
	}
}

// badValue is what is wrong with a part of a variable. Its path leads from the part outwards: it is made on the way back, so that the
// parts of a long list that are right need none.
type badValue struct {
	path    ast.Path
	message string
}

func bad(format string, name string, v any) *badValue {
	return &badValue{message: fmt.Sprintf(format, name, shown(v))}
}

func (b *badValue) within(element ast.PathElement) *badValue {
	b.path = append(b.path, element)
	return b
}

// check checks a value of a variable, or a part of one. That nothing is missing or too much gqlparser has checked.
func (s strictVariables) check(t *ast.Type, v any) *badValue {
	if v == nil {
		return nil
	}
	if t.Elem != nil {
		list := reflect.ValueOf(v) // gqlparser makes lists of one of any type
		if list.Kind() != reflect.Slice {
			return s.check(t.Elem, v) // one value stands for a list of one
		}
		for i := range list.Len() {
			if bad := s.check(t.Elem, list.Index(i).Interface()); bad != nil {
				return bad.within(ast.PathIndex(i))
			}
		}
		return nil
	}
	def := s.schema.Types[t.NamedType]
	switch def.Kind {
	case ast.Enum:
		if name, ok := v.(string); !ok || def.EnumValues.ForName(name) == nil {
			return bad("give it one of the values of %s, not %s", def.Name, v)
		}
	case ast.InputObject:
		fields, _ := v.(map[string]any)
		for _, field := range def.Fields {
			if bad := s.check(field.Type, fields[field.Name]); bad != nil {
				return bad.within(ast.PathName(field.Name))
			}
		}
	default:
		if !isScalar(def.Name, v) {
			return bad("give it a value of type %s, not %s", def.Name, v)
		}
	}
	return nil
}

// isScalar tells whether v is a value of a built-in scalar. Custom ones look after themselves.
func isScalar(name string, v any) bool {
	switch name {
	case "String":
		_, ok := v.(string)
		return ok
	case "Boolean":
		_, ok := v.(bool)
		return ok
	case "ID":
		_, ok := v.(string)
		return ok || isInt(v, 64)
	case "Int":
		return isInt(v, 32)
	}
	return true
}

// isInt tells whether v is a whole number of so many bits.
func isInt(v any, bits int) bool {
	switch v := v.(type) {
	case int64: // a default value
		return v == v<<(64-bits)>>(64-bits)
	case json.Number:
		_, err := strconv.ParseInt(v.String(), 10, bits)
		return err == nil
	}
	return false
}

// shown gives a value as JSON for an error, shortened.
func shown(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return "this"
	}
	return clip(string(raw))
}
