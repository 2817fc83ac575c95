package httpapi

import "github.com/vektah/gqlparser/v2/ast"

// introspectionPrice is what an object of introspection counts: to resolve it takes some 4 KiB, more than to read a message.
const introspectionPrice = 5

// introspectionSizes says how many objects the fields of introspection give, on the average of the schema. They are read from memory,
// and yet a short text can ask for very many: the fields of the types of the fields of all types, under some aliases each.
type introspectionSizes map[string]float64

// of gives the size of a field of introspection that gives objects; ok is false for others.
func (s introspectionSizes) of(f *ast.Field) (items float64, ok bool) {
	if f.ObjectDefinition == nil {
		return 0, false
	}
	items, ok = s[f.ObjectDefinition.Name+"."+f.Name]
	return items, ok
}

// sizesOf counts a schema.
func sizesOf(schema *ast.Schema) introspectionSizes {
	var fields, inputFields, arguments, values, interfaces, possible, typed, wrapped float64
	count := func(t *ast.Type) {
		typed++
		for ; t != nil; t = t.Elem {
			if t.NonNull {
				wrapped++
			}
			if t.Elem != nil {
				wrapped++
			}
		}
	}
	for _, def := range schema.Types {
		interfaces += float64(len(def.Interfaces))
		values += float64(len(def.EnumValues))
		if def.IsAbstractType() {
			possible += float64(len(schema.GetPossibleTypes(def)))
		}
		for _, f := range def.Fields {
			count(f.Type)
			if def.Kind == ast.InputObject {
				inputFields++
				continue
			}
			fields++
			for _, a := range f.Arguments {
				arguments++
				count(a.Type)
			}
		}
	}
	ofDirectives := 0.0
	for _, d := range schema.Directives {
		ofDirectives += float64(len(d.Arguments))
	}
	types, directives := float64(len(schema.Types)), float64(max(len(schema.Directives), 1))
	return introspectionSizes{
		"__Schema.types":       types,
		"__Schema.directives":  directives,
		"__Type.fields":        fields / types,
		"__Type.inputFields":   inputFields / types,
		"__Type.enumValues":    values / types,
		"__Type.interfaces":    interfaces / types,
		"__Type.possibleTypes": possible / types,
		// The types around a type: that of a field is a chain of them, which ends sooner or later.
		"__Type.ofType":    wrapped / (typed + wrapped),
		"__Field.args":     arguments / fields,
		"__Directive.args": ofDirectives / directives,
	}
}
