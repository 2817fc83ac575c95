package httpapi

import (
	"fmt"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// maxVariableItems is how many items the lists of all variables may have, those within each other too. It is far more than any argument
// takes, and a list costs gqlparser some 250 bytes for each item, ahead of all that could refuse it. What is within a JSON scalar
// does not count: nobody looks at that.
const maxVariableItems = 10_000

// checkItems refuses variables with too many items in lists of the schema's types.
func checkItems(schema *ast.Schema, doc *ast.QueryDocument, params *graphql.RawParams) *gqlerror.Error {
	left := maxVariableItems
	for _, op := range doc.Operations {
		if params.OperationName != "" && op.Name != params.OperationName {
			continue
		}
		for _, def := range op.VariableDefinitions {
			if left = itemsLeft(schema, def.Type, params.Variables[def.Variable], left); left < 0 {
				return &gqlerror.Error{
					Message:    fmt.Sprintf("Send at most %d items in the lists of the variables, and the others in further requests.", maxVariableItems),
					Extensions: map[string]any{"code": codeLimitExceeded, "limit": maxVariableItems, "actual": maxVariableItems - left},
				}
			}
		}
	}
	return nil
}

// itemsLeft gives how many items more there may be behind a value, less than none where it has too many.
func itemsLeft(schema *ast.Schema, t *ast.Type, v any, left int) int {
	if t.Elem != nil {
		list, ok := v.([]any)
		if !ok {
			return itemsLeft(schema, t.Elem, v, left) // one value stands for a list of one
		}
		left -= len(list)
		for i := 0; i < len(list) && left >= 0; i++ {
			left = itemsLeft(schema, t.Elem, list[i], left)
		}
		return left
	}
	object, ok := v.(map[string]any)
	def := schema.Types[t.NamedType]
	if !ok || def == nil || def.Kind != ast.InputObject { // what is not of its type is found later
		return left
	}
	for _, field := range def.Fields {
		if value, given := object[field.Name]; given && left >= 0 {
			left = itemsLeft(schema, field.Type, value, left)
		}
	}
	return left
}
