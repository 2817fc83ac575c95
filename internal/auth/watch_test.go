package auth

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What is there for a moment only, as half of a file that is being written, is no change.
func TestAFileIsTakenWhenItHasSettled(t *testing.T) {
	t.Parallel()
	s := sight{content: []byte("old"), last: []byte("old")}
	for i, read := range []struct {
		content string
		news    bool
	}{
		{"old", false},
		{"", false},
		{"ne", false},
		{"new", false},
		{"new", true},
		{"new", false},
		{"error", true},
		{"error", false},
		{"new", false},
		{"new", false},
		{"ne", false},
		{"new", false},
		{"new", false}, // it was nothing
		{"", false},
		{"", true},
		{"error", true},
		{"old", false},
		{"old", true},
	} {
		if read.content == "error" {
			assert.Equal(t, read.news, s.news(nil, errors.New("it cannot be read")), i)
			continue
		}
		assert.Equal(t, read.news, s.news([]byte(read.content), nil), i)
	}
}
