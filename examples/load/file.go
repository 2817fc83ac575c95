package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/go-json-experiment/json/jsontext"
)

// maxLine bounds a line of the file, in bytes without its end.
const maxLine = 16 << 20

var errLongLine = fmt.Errorf("the line is longer than %d MiB", maxLine>>20)

// conversation is one line of the file, ready to be sent.
type conversation struct {
	at       string // file:line, for errors
	threadID string // with the prefix
	messages []messageInput
}

// conversations reads NDJSON, one conversation a line; blank lines are skipped. An error begins with name:line, and is the last
// thing that comes.
func conversations(file io.Reader, name, prefix string) iter.Seq2[conversation, error] {
	return func(yield func(conversation, error) bool) {
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, maxLine+len("\r\n"))
		seen := map[string]string{} // thread id -> where it was
		number := 1
		for ; lines.Scan(); number++ {
			at := fmt.Sprintf("%s:%d", name, number)
			line := bytes.TrimSpace(lines.Bytes())
			if len(line) == 0 {
				continue
			}
			conv, err := parseLine(line, prefix)
			// Both would have the same message ids, and the server would refuse the second, or take it for the first.
			if other, twice := seen[conv.threadID]; err == nil && twice {
				err = fmt.Errorf("thread_id %q is the one of %s already", conv.threadID, other)
			}
			if err != nil {
				yield(conversation{}, fmt.Errorf("%s: %w", at, err))
				return
			}
			conv.at, seen[conv.threadID] = at, at
			if !yield(conv, nil) {
				return
			}
		}
		switch err := lines.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			yield(conversation{}, fmt.Errorf("%s:%d: %w", name, number, errLongLine))
		case err != nil:
			yield(conversation{}, fmt.Errorf("%s:%d: %w", name, number, err))
		}
	}
}

// parseLine reads one conversation. Other fields beside the three of the form are left alone.
func parseLine(line []byte, prefix string) (conversation, error) {
	if len(line) > maxLine { // by the byte or two that the buffer has for the line's end
		return conversation{}, errLongLine
	}
	if err := checkJSON(line); err != nil {
		return conversation{}, err
	}
	// Messages are read as maps: a struct would take "Role" for "role", and forget what it does not know.
	var in struct {
		ThreadID string                       `json:"thread_id"`
		Form     string                       `json:"form"`
		Messages []map[string]json.RawMessage `json:"messages"`
	}
	if err := json.Unmarshal(line, &in); err != nil {
		return conversation{}, err
	}
	switch {
	case in.ThreadID == "":
		return conversation{}, errors.New("thread_id is missing")
	case in.Form != "openai":
		return conversation{}, fmt.Errorf(`form must be "openai", not %q`, in.Form)
	case len(in.Messages) == 0:
		return conversation{}, errors.New("messages is missing or empty")
	}
	conv := conversation{threadID: prefix + in.ThreadID, messages: make([]messageInput, len(in.Messages))}
	for i, fields := range in.Messages {
		m, err := convert(fields)
		if err != nil {
			return conversation{}, fmt.Errorf("messages[%d]: %w", i, err)
		}
		m.MessageID = messageID(conv.threadID, i)
		conv.messages[i] = m
	}
	return conv, nil
}

// checkJSON refuses what the server would refuse as well, and encoding/json lets pass: repeated keys, invalid UTF-8, halves of
// surrogate pairs. Here the line is known.
func checkJSON(raw []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(raw)) // by default strict in all of these
	if _, err := d.ReadValue(); err != nil {
		return err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return errors.New("there is something behind the JSON value")
	}
	return nil
}
