package config

import (
	"fmt"
	"io"
	"reflect"
)

// Variable is an environment variable that the server knows.
type Variable struct {
	Name, Default, Text string
	// Group is the heading under which help lists it.
	Group string
	field string
}

// Describe lists every variable, in the order of help.
func Describe() []Variable {
	var server, others []Variable
	walk(reflect.TypeFor[Config](), "", func(v Variable) {
		if v.Group == "Server" {
			server = append(server, v)
		} else {
			others = append(others, v)
		}
	})
	return append(server, others...)
}

// walk visits the fields of a struct that have a variable, those of nested structs too. A group goes on until the next.
func walk(t reflect.Type, group string, visit func(Variable)) {
	for i := range t.NumField() {
		f := t.Field(i)
		if g := f.Tag.Get("group"); g != "" {
			group = g
		}
		if name := f.Tag.Get("env"); name != "" {
			visit(Variable{Name: name, Default: f.Tag.Get("envDefault"), Text: f.Tag.Get("help"), Group: group, field: f.Name})
		} else if f.Type.Kind() == reflect.Struct {
			walk(f.Type, group, visit)
		}
	}
}

// WriteHelp prints what the program does, how it is called and what it takes from the environment.
func WriteHelp(w io.Writer) error {
	_, err := fmt.Fprint(w, `agentstate: live, lossless conversation state for LLM agents: a GraphQL server in front of Redis.

Usage: agentstate [--help] [--version]

It is configured by environment variables. Times are in seconds, or with a unit (500ms, 1m).
`)
	group := ""
	for _, v := range Describe() {
		if err == nil && v.Group != group {
			group = v.Group
			_, err = fmt.Fprintf(w, "\n%s\n", group)
		}
		text := v.Text
		if v.Default != "" {
			text += " [" + v.Default + "]"
		}
		if err == nil {
			_, err = fmt.Fprintf(w, "  %-31s %s\n", v.Name, text)
		}
	}
	return err
}
