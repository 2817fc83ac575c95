package config

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"
)

// Variable is an environment variable that the server knows.
type Variable struct {
	Name, Default, Text string
	// Group is the heading under which help lists it.
	Group string
	// field is the name of its field, by which env reports it; secret tells that nothing may print its value.
	field  string
	secret bool
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
	for f := range t.Fields() {
		if g := f.Tag.Get("group"); g != "" {
			group = g
		}
		if name := f.Tag.Get("env"); name != "" {
			visit(Variable{
				Name: name, Default: f.Tag.Get("envDefault"), Text: f.Tag.Get("help"), Group: group,
				field: f.Name, secret: f.Type == reflect.TypeFor[Secret](),
			})
		} else if f.Type.Kind() == reflect.Struct {
			walk(f.Type, group, visit)
		}
	}
}

const (
	// helpWidth is how many columns help takes.
	helpWidth = 100
	// textColumn is where the texts begin, behind the longest name.
	textColumn = 34
)

// WriteHelp prints what the program does, how it is called and what it takes from the environment. commands lists its commands, one a
// line.
func WriteHelp(w io.Writer, commands string) error {
	var help strings.Builder
	help.WriteString(`agentstate: live, lossless conversation state for LLM agents: a GraphQL server in front of Redis.

Usage: agentstate [--help] [--version] [command]

` + commands + `
It is configured by environment variables. Times are in seconds, or with a unit (500ms, 1m).
`)
	group := ""
	for _, v := range Describe() {
		if v.Group != group {
			group = v.Group
			help.WriteString("\n" + group + "\n")
		}
		text := v.Text
		if v.Default != "" {
			text += " [" + v.Default + "]"
		}
		for i, line := range wrap(text, helpWidth-textColumn) {
			name := ""
			if i == 0 {
				name = "  " + v.Name
			}
			fmt.Fprintf(&help, "%-*s%s\n", textColumn, name, line)
		}
	}
	_, err := io.WriteString(w, help.String())
	return err
}

// wrap breaks a text between words into lines of at most width characters; a longer word has a line of its own.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}
