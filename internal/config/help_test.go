package config

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHelpListsEveryVariableOnce(t *testing.T) {
	var help strings.Builder
	require.NoError(t, WriteHelp(&help, ""))
	assert.Contains(t, help.String(), "Usage: agentstate [--help] [--version] [command]\n")
	words := strings.Join(strings.Fields(help.String()), " ") // without the breaks of lines
	seen := make(map[string]bool)
	for _, v := range Describe() {
		assert.False(t, seen[v.Name], v.Name)
		seen[v.Name] = true
		assert.Equal(t, 1, strings.Count(help.String(), "\n  "+v.Name+" "), v.Name)
		assert.NotEmpty(t, v.Text, v.Name)
		assert.NotEmpty(t, v.Group, v.Name)
		assert.False(t, v.secret && v.Default != "", v.Name)
		entry := v.Name + " " + v.Text
		if v.Default != "" {
			entry += " [" + v.Default + "]"
		}
		assert.Contains(t, words, entry)
	}
	for _, group := range []string{"Server", "Redis", "Limits"} {
		assert.Equal(t, 1, strings.Count(help.String(), "\n\n"+group+"\n"), group)
	}
}

func TestHelpIsAligned(t *testing.T) {
	var help strings.Builder
	require.NoError(t, WriteHelp(&help, ""))
	for line := range strings.Lines(help.String()) {
		line = strings.TrimSuffix(line, "\n")
		assert.LessOrEqual(t, utf8.RuneCountInString(line), helpWidth, line)
		assert.Equal(t, strings.TrimRight(line, " "), line)
		if strings.HasPrefix(line, "  ") {
			assert.Regexp(t, `^  ([A-Z_]+ +| +)$`, line[:textColumn], line)
			assert.NotEqual(t, byte(' '), line[textColumn], line)
		}
	}
}

type broken struct{}

var errBroken = errors.New("broken pipe")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestHelpTellsWhatWentWrong(t *testing.T) {
	require.ErrorIs(t, WriteHelp(broken{}, ""), errBroken)
}

// Errors of env name the field alone (unread).
func TestFieldsHaveNamesOfTheirOwn(t *testing.T) {
	seen := make(map[string]string)
	for _, v := range Describe() {
		assert.Empty(t, seen[v.field], "%s and %s", seen[v.field], v.Name)
		seen[v.field] = v.Name
	}
}

// What may hold a password is a Secret, whoever adds it.
func TestPasswordsAreSecrets(t *testing.T) {
	found := 0
	for _, v := range Describe() {
		if strings.Contains(v.Name, "PASSWORD") || strings.HasSuffix(v.Name, "_URL") {
			assert.True(t, v.secret, v.Name)
			found++
		}
	}
	assert.Equal(t, 4, found)
	assert.Equal(t, reflect.String, reflect.TypeFor[Secret]().Kind())
}
