package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

const messageFields = `messageId seq cursor type text name toolCalls { id name args } toolCallId status timestamp content metadata responseMetadata usage { inputTokens outputTokens totalTokens }`

// message is what is shown of a message.
type message struct {
	MessageID, Cursor, Type, Text string
	Seq                           int
	Name, ToolCallID, Status      *string
	ToolCalls                     []struct {
		ID   *string
		Name string
		Args json.RawMessage
	}
	Timestamp time.Time
}

// writeMessage shows a message: a line about it, and its text behind that.
func writeMessage(w io.Writer, m message) error {
	head := fmt.Sprintf("#%d %s", m.Seq, strings.ToLower(m.Type))
	if m.Name != nil {
		head += " " + plain(*m.Name)
	}
	if m.ToolCallID != nil {
		head += " answers " + plain(*m.ToolCallID)
	}
	if m.Status != nil && *m.Status == "ERROR" {
		head += " FAILED"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s\n", head, m.Timestamp.Local().Format(time.DateTime), plain(m.MessageID))
	if m.Text != "" {
		fmt.Fprintf(&b, "    %s\n", strings.ReplaceAll(strings.TrimRight(plain(m.Text), "\n"), "\n", "\n    "))
	}
	for _, call := range m.ToolCalls {
		var args bytes.Buffer
		if json.Compact(&args, call.Args) != nil {
			args.Write(call.Args)
		}
		id := ""
		if call.ID != nil {
			id = " " + *call.ID
		}
		fmt.Fprintf(&b, "    -> %s(%s)%s\n", plain(call.Name), plain(args.String()), plain(id))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
