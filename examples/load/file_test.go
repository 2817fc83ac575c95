package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readAll reads conversations until the end or an error.
func readAll(file io.Reader, prefix string) (convs []conversation, err error) {
	for conv, err := range conversations(file, "in.ndjson", prefix) {
		if err != nil {
			return convs, err
		}
		convs = append(convs, conv)
	}
	return convs, nil
}

func TestConversations(t *testing.T) {
	convs, err := readAll(strings.NewReader(talk("a", 2)+"\n\n  \t\r\n"+talk("b", 1)+"\r\n\n"), "demo-")
	require.NoError(t, err)
	require.Len(t, convs, 2)
	assert.Equal(t, "demo-a", convs[0].threadID)
	assert.Equal(t, "demo-a-1", convs[0].messages[1].MessageID)
	assert.Equal(t, "demo-b", convs[1].threadID)
	assert.Equal(t, "in.ndjson:4", convs[1].at, "blank lines count")
}

func TestConversationsNameTheLine(t *testing.T) {
	for name, tc := range map[string]struct{ line, want string }{
		"no JSON":         {`{"thread_id":`, "unexpected EOF"},
		"two values":      {talk("x", 1) + " {}", "something behind"},
		"a list":          {`[]`, "cannot unmarshal array"},
		"a repeated key":  {`{"thread_id":"x","thread_id":"y"}`, `duplicate object member name "thread_id"`},
		"invalid UTF-8":   {"{\"thread_id\":\"\xff\"}", "invalid UTF-8"},
		"half a pair":     {`{"thread_id":"\ud800"}`, "surrogate"},
		"no thread_id":    {`{"form":"openai","messages":[]}`, "thread_id is missing"},
		"another form":    {`{"thread_id":"x","form":"flat","messages":[]}`, `form must be "openai", not "flat"`},
		"no messages":     {`{"thread_id":"x","form":"openai","messages":[]}`, "messages is missing or empty"},
		"a null message":  {`{"thread_id":"x","form":"openai","messages":[null]}`, "messages[0]: role must be one of"},
		"a wrong message": {`{"thread_id":"x","form":"openai","messages":[{"role":"user","content":"a"},{"role":"user"}]}`, "messages[1]: content is missing"},
		"a used id":       {talk("a", 1), `thread_id "a" is the one of in.ndjson:1 already`},
	} {
		t.Run(name, func(t *testing.T) {
			convs, err := readAll(strings.NewReader(talk("a", 1)+"\n\n"+tc.line+"\n"+talk("b", 1)), "")
			require.ErrorContains(t, err, "in.ndjson:3: ")
			require.ErrorContains(t, err, tc.want)
			assert.Len(t, convs, 1, "an error is the end")
		})
	}
}

func TestConversationsNameTheLineOfAReadError(t *testing.T) {
	broken := errors.New("the disk is gone")
	_, err := readAll(io.MultiReader(strings.NewReader(talk("a", 1)+"\n"), iotest.ErrReader(broken)), "")
	require.ErrorIs(t, err, broken)
	assert.ErrorContains(t, err, "in.ndjson:2: ")
}

func TestLongestLine(t *testing.T) {
	// sized is a line of exactly n bytes.
	sized := func(n int) string {
		const head, tail = `{"thread_id":"long","form":"openai","messages":[{"role":"user","content":"`, `"}]}`
		return head + strings.Repeat("x", n-len(head)-len(tail)) + tail
	}
	for name, end := range map[string]string{"LF": "\n", "CRLF": "\r\n", "nothing": ""} {
		t.Run("ended by "+name, func(t *testing.T) {
			convs, err := readAll(strings.NewReader(talk("a", 1)+"\n"+sized(maxLine)+end), "")
			require.NoError(t, err)
			assert.Len(t, convs, 2)
			_, err = readAll(strings.NewReader(talk("a", 1)+"\n"+sized(maxLine+1)+end), "")
			assert.EqualError(t, err, "in.ndjson:2: the line is longer than 16 MiB")
		})
	}
	_, err := readAll(strings.NewReader(talk("a", 1)+"\n"+sized(maxLine+100)+"\n"), "")
	assert.EqualError(t, err, "in.ndjson:2: the line is longer than 16 MiB")
}
