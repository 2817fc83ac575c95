// Package operation names GraphQL operations for the log.
package operation

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

const (
	// longest is how much of a client's name for an operation is told, in bytes. Names are ASCII.
	longest = 64
	// mostFields is how many of its fields stand for an operation without a name.
	mostFields = 3
)

// Label tells which operation it is: "mutation Save", or where the client gives it no name "mutation {addMessage}", by its first
// fields. It holds nothing but names of the document and the schema, no argument and no variable; "" for nil.
func Label(op *ast.OperationDefinition) string {
	if op == nil {
		return ""
	}
	return string(op.Operation) + " " + Name(op)
}

// Name is Label without the kind of the operation: "Save", or "{addMessage}". That of an operation with a short name is made without
// another one, and shares the memory of the document.
func Name(op *ast.OperationDefinition) string {
	switch {
	case op == nil:
		return ""
	case len(op.Name) > longest:
		return op.Name[:longest] + "…"
	case op.Name != "":
		return op.Name
	}
	var fields []string
	for _, selection := range op.SelectionSet {
		name := "…" // of a fragment
		if field, ok := selection.(*ast.Field); ok {
			name = field.Name // that of the schema: an alias is the client's
		}
		if len(fields) == mostFields {
			fields = append(fields, "…")
			break
		}
		fields = append(fields, name)
	}
	return "{" + strings.Join(fields, " ") + "}"
}
