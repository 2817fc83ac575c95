package resolver

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"agentstate/internal/scalar"
	"agentstate/store"
)

// selection is what a request asks for of one object: its fields, with fragments spread and directives applied.
type selection struct {
	op     *graphql.OperationContext
	fields []graphql.CollectedField
}

// selected gives the selection of the field that is being resolved.
func selected(ctx context.Context) selection {
	op := graphql.GetOperationContext(ctx)
	field := graphql.GetFieldContext(ctx).Field
	return selectionOf(op, field)
}

func selectionOf(op *graphql.OperationContext, field graphql.CollectedField) selection {
	return selection{op: op, fields: graphql.CollectFields(op, field.Selections, []string{typeOf(field.Field)})}
}

// typeOf gives the name of a field's type. Nothing here is an interface or a union, so there is exactly one.
func typeOf(field *ast.Field) string { return field.Definition.Type.Name() }

// has tells whether one of the fields is selected.
func (s selection) has(names ...string) bool {
	for _, f := range s.fields {
		for _, name := range names {
			if f.Name == name {
				return true
			}
		}
	}
	return false
}

// countsOnly tells of a selection on MessageConnection whether it needs no message.
func (s selection) countsOnly() bool { return !s.has("nodes", "edges", "pageInfo") }

// under gives what is selected of a field of the object, under all its aliases.
func (s selection) under(name string) selection {
	sub := selection{op: s.op}
	for _, f := range s.fields {
		if f.Name == name {
			sub.fields = append(sub.fields, selectionOf(s.op, f).fields...)
		}
	}
	return sub
}

// read turns a selection on AgentState into what the store must read.
func (s selection) read() store.Read {
	r := s.readFields()
	for _, f := range s.fields {
		if !isPage(f) {
			continue
		}
		// Arguments that are out of their bounds are reported by the field itself, and there is nothing to read for them.
		if key, err := pageOf(countsOnly(s.op, f), f.ArgumentMap(s.op.Variables)); err == nil {
			r.Pages = withPage(r.Pages, key)
		}
	}
	return r
}

// withPage adds a page, unless it is there under another name already: it is read once then.
func withPage(pages []store.PageKey, key store.PageKey) []store.PageKey {
	if slices.Contains(pages, key) {
		return pages
	}
	return append(pages, key)
}

// isPage tells whether a field of AgentState is a page of its messages.
func isPage(f graphql.CollectedField) bool {
	return f.Name == "messages" || f.Name == "langChainMessages"
}

// countsOnly tells of such a field whether it needs no message.
func countsOnly(op *graphql.OperationContext, f graphql.CollectedField) bool {
	return f.Name == "messages" && selectionOf(op, f).countsOnly()
}

// readFields is read without the pages.
func (s selection) readFields() store.Read {
	return store.Read{
		Context: s.has("context"), Plan: s.has("plan"), ToolCalls: s.has("toolCalls"), Metadata: s.has("metadata"),
		PendingToolCalls: s.has("pendingToolCalls"),
	}
}

// checkPages gives the first error of the arguments of the message pages in a selection on AgentState.
func (s selection) checkPages() error {
	for _, f := range s.fields {
		if !isPage(f) {
			continue
		}
		key, err := pageOf(countsOnly(s.op, f), f.ArgumentMap(s.op.Variables))
		if err != nil {
			return err
		}
		for _, given := range [...]struct{ argument, cursor string }{{"after", key.After}, {"before", key.Before}} {
			if given.cursor == "" {
				continue
			}
			if _, err := store.ParseCursor(given.cursor); err != nil {
				return about(&store.BadCursorError{Argument: given.argument}, "")
			}
		}
	}
	return nil
}

// pageOf is messagesKey for the arguments of a field that is not being resolved yet.
func pageOf(countOnly bool, args map[string]any) (store.PageKey, error) {
	first, err := pageSize("first", args)
	last, lastErr := pageSize("last", args)
	if err := firstError(err, lastErr); err != nil {
		return store.PageKey{}, err
	}
	var types []store.MessageType
	if args["types"] != nil {
		types = []store.MessageType{}                             // an empty list is another thing than none
		for _, value := range graphql.CoerceList(args["types"]) { // GraphQL takes one value for a list of one
			name, _ := value.(string) // gqlgen makes no more of a null
			types = append(types, store.MessageType(name))
		}
	}
	whole, _ := args["wholeToolCalls"].(bool)
	return messagesKey(countOnly, first, optionalString(args["after"]), last, optionalString(args["before"]), types, whole)
}

// pageSize reads one of the arguments first and last, and says of it what gqlgen would.
func pageSize(name string, args map[string]any) (*int, error) {
	if args[name] == nil {
		return nil, nil //nolint:nilnil // it was not given
	}
	n, err := scalar.UnmarshalInt(args[name])
	if err != nil {
		return nil, badInput(name, "In %s %s", name, err)
	}
	return &n, nil
}

func optionalString(value any) *string {
	if text, ok := value.(string); ok {
		return &text
	}
	return nil
}
