package resolver

import (
	"encoding/json"
	"fmt"

	"agentstate/internal/bounds"
)

// The bounds that are not configurable; what is beyond them is BAD_USER_INPUT. What is beyond a configured limit is LIMIT_EXCEEDED.
const (
	maxPatternBytes = bounds.PatternBytes
	maxCursorBytes  = 512 // a list's cursor holds an id, in base64
	maxPageSize     = bounds.PageSize
	defaultPageSize = 50
	maxTTLSeconds   = bounds.TTLSeconds
	maxMessageCalls = 128
	maxListed       = bounds.Listed // plans or tool runs in one update
	maxSubtasks     = bounds.Subtasks
	maxSubtaskBytes = bounds.SubtaskBytes
	maxAgeDays      = bounds.AgeDays
	maxCleanedIDs   = 1000
)

// checkID checks the id of a thread, a message, a plan, a call or a tool run, or a name: 1 to 255 bytes of UTF-8 without control
// characters and line breaks. No other character has a meaning.
func checkID(argument, id string) error {
	if wrong := bounds.ID(id); wrong != "" {
		return badInput(argument, "Give %s %s", argument, wrong)
	}
	return nil
}

// checkOptionalID is checkID for an argument that may be left out.
func checkOptionalID(argument string, id *string) error {
	if id == nil {
		return nil
	}
	return checkID(argument, *id)
}

// checkRange checks that a number lies in its bounds, both included.
func checkRange(argument string, n, low, high int) error {
	if n < low || n > high {
		return badInput(argument, "Give %s a number from %d to %d, not %d", argument, low, high, n)
	}
	return nil
}

// checkExpected checks an expectedVersion; 0 stands for a thread that does not exist.
func checkExpected(version *int) error {
	if version != nil && *version < 0 {
		return badInput("input.expectedVersion", "Give input.expectedVersion the version of the thread as it was read, not %d", *version)
	}
	return nil
}

// checkObject checks that a JSON value is an object and no larger than limit bytes; nil is left out.
func checkObject(argument string, raw json.RawMessage, limit int) error {
	if raw == nil {
		return nil
	}
	if raw[0] != '{' {
		return badInput(argument, "Give %s a JSON object", argument)
	}
	return checkSize(argument, len(raw), limit)
}

// checkSize checks the size of a value in bytes.
func checkSize(argument string, size, limit int) error {
	if size > limit {
		return tooLarge(argument, "the size of "+argument+" in bytes", limit, size)
	}
	return nil
}

// checkContent checks the content of a message: a string, or a list of strings and objects.
func checkContent(argument string, raw json.RawMessage) error {
	switch raw[0] {
	case '"':
		return nil
	case '[':
		var blocks []json.RawMessage
		if err := json.Unmarshal(raw, &blocks); err != nil {
			return fmt.Errorf("decode content: %w", err)
		}
		for i, block := range blocks {
			if block[0] != '"' && block[0] != '{' {
				return badInput(fmt.Sprintf("%s[%d]", argument, i), "Give each block of %s as a string or an object", argument)
			}
		}
		return nil
	}
	return badInput(argument, "Give %s as a string or a list of content blocks", argument)
}

// checkPattern checks a glob.
func checkPattern(argument, pattern string) error {
	if pattern == "" || len(pattern) > maxPatternBytes {
		return badInput(argument, "Give %s 1 to %d bytes, not %d", argument, maxPatternBytes, len(pattern))
	}
	return nil
}

// firstError gives the first error that is not nil.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
