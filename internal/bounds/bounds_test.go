package bounds_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"agentstate/internal/bounds"
)

func TestID(t *testing.T) {
	for name, c := range map[string]struct{ id, wrong string }{
		"a word":                {"thread", ""},
		"no character is apart": {"a/b:c{d}*?[e]%2F 你好", ""},
		"the longest":           {strings.Repeat("x", 255), ""},
		"empty":                 {"", "1 to 255 bytes, not 0"},
		"too long":              {strings.Repeat("é", 128), "1 to 255 bytes, not 256"},
		"no UTF-8":              {"a\xff", "in valid UTF-8"},
		"a line":                {"a\n", "without control characters and line breaks; it has U+000A"},
		"a separator":           {"a\u2029", "without control characters and line breaks; it has U+2029"},
	} {
		assert.Equal(t, c.wrong, bounds.ID(c.id), name)
	}
}
