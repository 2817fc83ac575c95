// Package bounds has the bounds of the API that are not configurable, for all doors to it: GraphQL and REST hold to the same.
package bounds

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// The bounds. Sizes are in bytes of UTF-8.
const (
	IDBytes      = 255
	PatternBytes = 255
	PageSize     = 1000
	TTLSeconds   = 365 * 24 * 60 * 60
	// Listed is how many plans or tool runs one update may bring.
	Listed       = 1000
	Subtasks     = 100
	SubtaskBytes = 16 << 10
	AgeDays      = 36_500
	// JSONDepth is how deeply the arrays and objects of a JSON value may be nested.
	JSONDepth = 100
)

const (
	lineSeparator    = '\u2028'
	paragraphDivider = '\u2029'
)

// ID tells what is wrong with the id of a thread, a message, a plan, a call or a tool run, or a name, as the end of a sentence that
// begins with "Give it"; "" for nothing. An id is 1 to 255 bytes of UTF-8 without control characters and line breaks. No other
// character has a meaning.
func ID(id string) (wrong string) {
	switch {
	case id == "" || len(id) > IDBytes:
		return fmt.Sprintf("1 to %d bytes, not %d", IDBytes, len(id))
	case !utf8.ValidString(id):
		return "in valid UTF-8"
	}
	for _, r := range id {
		if unicode.IsControl(r) || r == lineSeparator || r == paragraphDivider {
			return fmt.Sprintf("without control characters and line breaks; it has U+%04X", r)
		}
	}
	return ""
}
