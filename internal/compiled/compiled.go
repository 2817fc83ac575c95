// Package compiled executes selections that were compiled once: of the objects of a schema it writes the JSON of the selected fields
// one after another, where gqlgen collects the fields of each object anew and makes a context, a goroutine and a writer for each of
// their values. (The idea is that of graphql-jit and Mercurius: https://github.com/zalando-incubator/graphql-jit.)
//
// It knows no errors. Whatever cannot be compiled, or fails while it is written, is left to gqlgen, see Run.Fail: so what is
// written here is what gqlgen would write, and how errors are told is decided in one place.
package compiled

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// Run is one execution. Who starts it owns it; it is for one goroutine.
type Run struct {
	// Ctx and Op are those of the operation.
	Ctx context.Context //nolint:containedctx // the run lives no longer
	Op  *graphql.OperationContext
	// Out is the JSON so far.
	Out []byte

	failed bool
}

// Fail says that gqlgen must do this: there is an error to tell. What was written is of no use.
func (r *Run) Fail() { r.failed = true }

// Failed tells whether something failed.
func (r *Run) Failed() bool { return r.failed }

// Writer writes the JSON of what is selected of a value.
type Writer[T any] func(r *Run, value T)

// maxSteps bounds the fields of a compiled operation: fragments may make a huge tree of a small document.
const maxSteps = 500

// Compiler compiles one operation.
type Compiler struct {
	// Op is the operation, as of the request that it is compiled for. Its variables may not be used.
	Op    *graphql.OperationContext
	steps int
}

// Field compiles a selected field of an object T; nil where that cannot be done.
type Field[T any] func(c *Compiler, field graphql.CollectedField) Writer[T]

// Object tells how to write the fields of an object type. What it does not have is left to gqlgen.
type Object[T any] struct {
	Name   string
	Fields map[string]Field[T]
}

// step is a selected field: what stands ahead of its value, and who writes that.
type step[T any] struct {
	key   []byte
	write Writer[T]
}

// Compile gives the writer of a selection on the object; nil where it cannot be compiled, or is too large. The selection must be valid, and
// its directives may not depend on variables, see DependsOnVariables.
func (o *Object[T]) Compile(c *Compiler, set ast.SelectionSet) Writer[T] {
	var steps []step[T]
	for _, field := range graphql.CollectFields(c.Op, set, []string{o.Name}) {
		c.steps++
		write := o.field(c, field)
		if write == nil || c.steps > maxSteps {
			return nil
		}
		lead := byte(',')
		if len(steps) == 0 {
			lead = '{'
		}
		key := append(AppendString([]byte{lead}, field.Alias), ':')
		steps = append(steps, step[T]{key, write})
	}
	if len(steps) == 0 { // all of it is skipped
		return func(r *Run, _ T) { r.Out = append(r.Out, '{', '}') }
	}
	return func(r *Run, value T) {
		for i := range steps {
			r.Out = append(r.Out, steps[i].key...)
			steps[i].write(r, value)
		}
		r.Out = append(r.Out, '}')
	}
}

func (o *Object[T]) field(c *Compiler, field graphql.CollectedField) Writer[T] {
	if field.Name == "__typename" {
		name := AppendString(nil, o.Name)
		return func(r *Run, _ T) { r.Out = append(r.Out, name...) }
	}
	compile := o.Fields[field.Name]
	if compile == nil {
		return nil
	}
	return compile(c, field)
}

// Of gives a field whose value is an object.
func Of[T, U any](object *Object[U], get func(T) U) Field[T] {
	return func(c *Compiler, field graphql.CollectedField) Writer[T] {
		write := object.Compile(c, field.Selections)
		if write == nil {
			return nil
		}
		return func(r *Run, value T) { write(r, get(value)) }
	}
}

// Optional gives a field whose value is an object or null.
func Optional[T, U any](object *Object[*U], get func(T) *U) Field[T] {
	return func(c *Compiler, field graphql.CollectedField) Writer[T] {
		write := OrNull(object.Compile(c, field.Selections))
		if write == nil {
			return nil
		}
		return func(r *Run, value T) { write(r, get(value)) }
	}
}

// ListOf gives a field whose value is a list of objects.
func ListOf[T, U any](object *Object[U], get func(T) []U) Field[T] {
	return func(c *Compiler, field graphql.CollectedField) Writer[T] {
		write := Each(object.Compile(c, field.Selections))
		if write == nil {
			return nil
		}
		return func(r *Run, value T) { write(r, get(value)) }
	}
}

// Each writes a list by the writer of its elements; nil where that is nil.
func Each[T any](write Writer[T]) Writer[[]T] {
	if write == nil {
		return nil
	}
	return func(r *Run, list []T) {
		r.Out = append(r.Out, '[')
		for i, value := range list {
			if i > 0 {
				r.Out = append(r.Out, ',')
			}
			write(r, value)
		}
		r.Out = append(r.Out, ']')
	}
}

// OrNull writes null for nil; nil where write is nil.
func OrNull[T any](write Writer[*T]) Writer[*T] {
	if write == nil {
		return nil
	}
	return func(r *Run, value *T) {
		if value == nil {
			r.Out = append(r.Out, null...)
			return
		}
		write(r, value)
	}
}
