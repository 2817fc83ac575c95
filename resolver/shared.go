package resolver

import (
	"bytes"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"agentstate/store"
)

const (
	// keptResponses bounds the responses that are kept, and keptBytes their size with that of their messages.
	keptResponses = 256
	keptBytes     = 32 << 20
	// mostShared bounds each of both, so that one response does not drive out most others.
	mostShared = 2 << 20
)

// responses keeps the last responses that bring messages, for those listeners of a thread who want the same of them: the feed gives
// all of them the same message, and the cache of documents the same operation for the same text. So to execute it once is enough.
type responses struct {
	mu   sync.Mutex
	made map[responseKey]*graphql.Response // which nobody changes
	// order has the keys, the oldest first, and size their weight in all.
	order []responseKey
	size  int
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
	r.made[key] = response
	r.order = append(r.order, key)
	r.size += key.weight(response)
	for len(r.order) > keptResponses || r.size > keptBytes {
		oldest := r.order[0]
		r.size -= oldest.weight(r.made[oldest])
		delete(r.made, oldest)
		r.order[0] = responseKey{} // else the array would keep its message
		r.order = r.order[1:]
	}
}

// weight is how many bytes a response keeps from being freed.
func (k responseKey) weight(response *graphql.Response) int {
	return k.message.Size() + len(response.Data)
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
