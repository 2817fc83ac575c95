package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/vektah/gqlparser/v2/ast"
)

// TestSchemaIsTheManual looks for a description on all that schema.graphqls defines.
func TestSchemaIsTheManual(t *testing.T) {
	t.Parallel()
	described := func(description string, names ...string) {
		assert.NotEmpty(t, strings.TrimSpace(description), "no description: %s", strings.Join(names, "."))
	}
	seen := 0
	for name, definition := range loadSchema(t).Types {
		if definition.BuiltIn {
			continue
		}
		seen++
		described(definition.Description, name)
		for _, field := range definition.Fields {
			if strings.HasPrefix(field.Name, "__") {
				continue
			}
			described(field.Description, name, field.Name)
			for _, argument := range field.Arguments {
				described(argument.Description, name, field.Name, argument.Name)
			}
		}
		for _, value := range definition.EnumValues {
			described(value.Description, name, value.Name)
		}
	}
	assert.Greater(t, seen, 40, "the walk found no types")
}

// TestIntrospection compares what the server tells of itself with schema.graphqls: the same types, fields and descriptions, and
// of directives only those that GraphQL defines and @stale.
func TestIntrospection(t *testing.T) {
	t.Parallel()
	type named struct {
		Name, Description string
		Args              []struct{ Name, Description string }
	}
	var got struct {
		Schema struct {
			Types []struct {
				named
				Fields, InputFields, EnumValues []named
			}
			Directives []struct{ Name string }
		} `json:"__schema"`
	}
	start(t).Must(t, `{ __schema {
		types {
			name description fields(includeDeprecated: true) { name description args { name description } }
			inputFields { name description } enumValues(includeDeprecated: true) { name description }
		}
		directives { name }
	} }`, nil, &got)

	var directives []string
	for _, d := range got.Schema.Directives {
		directives = append(directives, d.Name)
	}
	slices.Sort(directives)
	assert.Equal(t, []string{"deprecated", "include", "oneOf", "skip", "specifiedBy", "stale"}, directives)

	told, want := map[string]string{}, map[string]string{}
	for _, definition := range got.Schema.Types {
		told[definition.Name] = definition.Description
		for _, f := range slices.Concat(definition.Fields, definition.InputFields, definition.EnumValues) {
			told[definition.Name+"."+f.Name] = f.Description
			for _, a := range f.Args {
				told[definition.Name+"."+f.Name+"."+a.Name] = a.Description
			}
		}
	}
	for name, definition := range loadSchema(t).Types {
		if definition.BuiltIn {
			continue
		}
		want[name] = definition.Description
		for _, value := range definition.EnumValues {
			want[name+"."+value.Name] = value.Description
		}
		noteFields(name, definition.Fields, want)
	}
	for name, description := range want {
		assert.Equal(t, description, told[name], name)
	}
	for name := range told {
		_, ok := want[name]
		builtIn, _, _ := strings.Cut(name, ".")
		standard := slices.Contains([]string{"String", "Int", "Float", "Boolean", "ID"}, name)
		assert.True(t, ok || standard || strings.HasPrefix(builtIn, "__"), "introspection shows %s, schema.graphqls does not", name)
	}
}

func noteFields(name string, fields ast.FieldList, want map[string]string) {
	for _, field := range fields {
		if strings.HasPrefix(field.Name, "__") {
			continue
		}
		want[name+"."+field.Name] = field.Description
		for _, argument := range field.Arguments {
			want[name+"."+field.Name+"."+argument.Name] = argument.Description
		}
	}
}
