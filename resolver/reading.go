package resolver

import (
	"github.com/99designs/gqlgen/graphql"

	"agentstate/internal/compiled"
	"agentstate/store"
)

// pageKeyOf gives who tells which page a field of messages names: worked out once where its arguments are the same each time.
func pageKeyOf(op *graphql.OperationContext, field graphql.CollectedField) func(*graphql.OperationContext) (store.PageKey, error) {
	countOnly := countsOnly(op, field)
	keyOf := func(op *graphql.OperationContext) (store.PageKey, error) {
		return pageOf(countOnly, field.ArgumentMap(op.Variables))
	}
	if compiled.TakesVariables(field.Arguments) {
		return keyOf
	}
	key, err := keyOf(op)
	return func(*graphql.OperationContext) (store.PageKey, error) { return key, err }
}

// readOf is selection.read for a selection that was compiled.
func readOf(sel selection) func(*graphql.OperationContext) store.Read {
	fixed := sel.readFields()
	var keys []func(*graphql.OperationContext) (store.PageKey, error)
	for _, field := range sel.fields {
		if isPage(field) {
			keys = append(keys, pageKeyOf(sel.op, field))
		}
	}
	return func(op *graphql.OperationContext) store.Read {
		read := fixed
		for _, keyOf := range keys {
			if key, err := keyOf(op); err == nil { // else the field itself reports it
				read.Pages = withPage(read.Pages, key)
			}
		}
		return read
	}
}
