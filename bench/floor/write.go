//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"agentstate/store"
)

// letters are the types of messages in Redis, see store/element.go.
var letters = map[string]string{"HUMAN": "H", "AI": "A", "SYSTEM": "S", "TOOL": "T"}

// added is a message to add, in the form in which it is stored.
type added struct {
	ThreadID string          `json:"threadId"`
	Message  json.RawMessage `json:"message"`
}

// addMessage runs the script that adds a message, and answers with what it says of it.
func (f *floor) addMessage(w http.ResponseWriter, r *http.Request) {
	sent, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		answer(w, nil, err)
		return
	}
	var in added
	if err := json.Unmarshal(sent, &in); err != nil {
		answer(w, nil, err)
		return
	}
	id, letter, stored, err := f.take(in.Message)
	if err != nil {
		answer(w, nil, err)
		return
	}
	keys := f.layout.Thread("", in.ThreadID)
	args := make([]any, 0, 32)
	args = append(args, "evalsha", f.layout.AppendSHA, len(keys.Script))
	for _, key := range keys.Script {
		args = append(args, key)
	}
	args = append(args, "", in.ThreadID, "", "", "0123456789abcdef", 10_000_000, "refuse", 8<<10, 2_592_000, "0", "", "{}", id, letter, stored)
	cmd := redis.NewSliceCmd(r.Context(), args...)
	if err := f.rdb.Process(r.Context(), cmd); err != nil {
		answer(w, nil, err)
		return
	}
	reply := cmd.Val()
	if len(reply) < 6 || reply[0] != "OK" {
		answer(w, nil, errors.New("the script refuses the message"))
		return
	}
	body := append(make([]byte, 0, 256), `{"data":{"addMessage":{"message":`...)
	element, _ := reply[5].(string)
	if seq, ok := reply[4].(int64); ok && element == "" {
		arrival, _ := reply[3].(string)
		element = strconv.FormatInt(seq, 10) + ":" + arrival + ":" + letter + ":" + strconv.Itoa(len(id)) + ":" + id + stored
	}
	if body, err = f.appendMessage(body, element, addedFields); err != nil {
		answer(w, nil, err)
		return
	}
	body = append(body, `,"duplicate":`...)
	if reply[2] == int64(0) {
		body = append(body, `false}}}`...)
	} else {
		body = append(body, `true}}}`...)
	}
	answer(w, body, nil)
}

// take gives the id, the letter and the body of a message that was sent.
func (f *floor) take(message json.RawMessage) (id, letter, body string, err error) {
	if f.splice {
		var m raw
		if err := m.scan(string(message)); err != nil {
			return "", "", "", err
		}
		if err := json.Unmarshal([]byte(m.id), &id); err != nil {
			return "", "", "", err
		}
		return id, letters[strings.Trim(m.kind, `"`)], string(message), nil
	}
	var m store.Message
	if err := json.Unmarshal(message, &m); err != nil {
		return "", "", "", err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err = encoder.Encode(&m)
	return m.MessageID, letters[string(m.Type)], strings.TrimSuffix(out.String(), "\n"), err
}
