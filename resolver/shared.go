package resolver

import (
	"bytes"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"agentstate/store"
)

const (
	// keptResponses bounds the responses that are kept, and mostShared the size in bytes of each, and of its message: 32 MiB in all.
	keptResponses = 256
	mostShared    = 64 << 10
)

// responses keeps the last responses that bring messages, for those listeners of a thread who want the same of them: the feed gives
// all of them the same message, and the cache of documents the same operation for the same text. So to execute it once is enough.
type responses struct {
	mu   sync.Mutex
	made map[responseKey]*graphql.Response // which nobody changes
	// order is a ring of the keys, the oldest at next.
	order [keptResponses]responseKey
	next  int
}

// responseKey names a response by the addresses of what it was made of, which it keeps from being used for anything else.
type responseKey struct {
	message   *store.Message
	operation *ast.OperationDefinition
}

func newResponses() *responses { return &responses{made: make(map[responseKey]*graphql.Response)} }

// of gives the response that brings a message, which it lets run make only where nobody else did. Errors are everybody's own.
func (r *responses) of(message *store.Message, operation *ast.OperationDefinition, run func() *graphql.Response) *graphql.Response {
	if message.Size() > mostShared {
		return run()
	}
	key := responseKey{message, operation}
	r.mu.Lock()
	made := r.made[key]
	r.mu.Unlock()
	if made != nil {
		return made
	}
	response := run()
	if response != nil && len(response.Errors) == 0 && len(response.Extensions) == 0 && len(response.Data) <= mostShared {
		r.keep(key, &graphql.Response{Data: bytes.Clone(response.Data)}) // gqlgen writes the next one over it
	}
	return response
}

func (r *responses) keep(key responseKey, response *graphql.Response) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.made[key] != nil {
		return // somebody was faster
	}
	delete(r.made, r.order[r.next])
	r.order[r.next] = key
	r.next = (r.next + 1) % keptResponses
	r.made[key] = response
}

// isShareable tells whether the responses of a subscription follow from its text and the event alone: no variable has a say in what
// is selected of the event. Those in the arguments of the subscription itself choose the event.
func isShareable(op *ast.OperationDefinition) bool {
	for _, variable := range op.VariableDefinitions {
		if (usage{variable: variable.Variable, seen: make(map[spread]bool)}).within(op.SelectionSet, 0) {
			return false
		}
	}
	return len(op.Directives) == 0
}

// usage looks for the use of a variable. It looks into each fragment once below the root and once at it, however often it is spread.
type usage struct {
	variable string
	seen     map[spread]bool
}

type spread struct {
	fragment string
	atRoot   bool
}

// within tells whether the variable is used in directives, or in arguments below the root.
func (u usage) within(set ast.SelectionSet, depth int) bool {
	for _, selection := range set {
		var directives ast.DirectiveList
		var below ast.SelectionSet
		next := depth
		switch selection := selection.(type) {
		case *ast.Field:
			if depth > 0 && usesIn(selection.Arguments, u.variable) {
				return true
			}
			directives, below, next = selection.Directives, selection.SelectionSet, depth+1
		case *ast.InlineFragment:
			directives, below = selection.Directives, selection.SelectionSet
		case *ast.FragmentSpread:
			directives = selection.Directives
			if at := (spread{selection.Name, depth == 0}); !u.seen[at] {
				u.seen[at] = true
				below = selection.Definition.SelectionSet
			}
		}
		for _, directive := range directives {
			if usesIn(directive.Arguments, u.variable) {
				return true
			}
		}
		if u.within(below, next) {
			return true
		}
	}
	return false
}

func usesIn(arguments ast.ArgumentList, variable string) bool {
	for _, argument := range arguments {
		if uses(argument.Value, variable) {
			return true
		}
	}
	return false
}

func uses(value *ast.Value, variable string) bool {
	if value.Kind == ast.Variable {
		return value.Raw == variable
	}
	for _, child := range value.Children {
		if uses(child.Value, variable) {
			return true
		}
	}
	return false
}
