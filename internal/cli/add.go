package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"agentstate/internal/client"
)

// batch is how many messages the server takes at once.
const batch = 500

// add makes the command add.
func (u *user) add() *cobra.Command {
	var kind, id string
	var create, langChain bool
	cmd := u.command("add THREAD [TEXT]", "Add messages to a thread",
		"Adds a message to a thread: TEXT, or standard input where it is left out or -.\n\nWith --langchain standard input is JSON: messages of LangChain or OpenAI, one after the other or in a list. All are added in parts of 500; give them ids, so that the command can be repeated.",
		cobra.RangeArgs(1, 2), func(ctx context.Context, c *client.Client, args []string) error {
			if langChain {
				if len(args) > 1 {
					return &usageError{"leave TEXT out: with --langchain messages come from standard input"}
				}
				return u.addForms(ctx, c, args[0], create)
			}
			text, err := u.text(args[1:])
			if err != nil {
				return err
			}
			input := map[string]any{"type": strings.ToUpper(kind), "content": text}
			if id != "" {
				input["messageId"] = id
			}
			return u.addOne(ctx, c, map[string]any{"threadId": args[0], "message": input, "createIfMissing": create})
		})
	cmd.Flags().StringVar(&kind, "type", "human", "who speaks: human, ai, system, tool, function, chat, other")
	cmd.Flags().StringVar(&id, "id", "", "the messageId, which makes it safe to repeat the command")
	cmd.Flags().BoolVar(&create, "create", false, "create the thread if there is none")
	cmd.Flags().BoolVar(&langChain, "langchain", false, "take messages of LangChain or OpenAI as JSON from standard input")
	return cmd
}

// text is the one of the arguments, or standard input without its last line end.
func (u *user) text(args []string) (string, error) {
	if len(args) > 0 && args[0] != "-" {
		return args[0], nil
	}
	if len(args) == 0 && u.isTerminal() {
		return "", &usageError{"give the text as an argument, or - to type it"}
	}
	raw, err := u.stdin()
	return strings.TrimSuffix(string(raw), "\n"), err
}

func (u *user) addOne(ctx context.Context, c *client.Client, input map[string]any) error {
	var got struct{ AddMessage json.RawMessage }
	err := c.Do(ctx, `mutation ($input: AddMessageInput!) { addMessage(input: $input) { message { messageId seq cursor } duplicate agentState { version } } }`,
		map[string]any{"input": input}, &got)
	if err != nil {
		return err
	}
	if u.json {
		return u.print(got.AddMessage)
	}
	var added struct {
		Message struct {
			MessageID string
			Seq       int
		}
		Duplicate bool
	}
	if err := json.Unmarshal(got.AddMessage, &added); err != nil {
		return err
	}
	note := ""
	if added.Duplicate {
		note = "  it was there already"
	}
	_, err = fmt.Fprintf(u.Out, "#%d  %s%s\n", added.Message.Seq, plain(added.Message.MessageID), note)
	return err
}

// addForms adds the messages of standard input.
func (u *user) addForms(ctx context.Context, c *client.Client, threadID string, create bool) error {
	raw, err := u.stdin()
	if err != nil {
		return err
	}
	messages, err := messagesOf(raw)
	if err != nil {
		return err
	}
	count, duplicates := 0, 0
	for len(messages) > 0 {
		n := min(len(messages), batch)
		var got struct {
			AddLangChainMessages struct {
				Messages   []struct{ MessageID string }
				Duplicates int
			}
		}
		err := c.Do(ctx, `mutation ($input: AddLangChainMessagesInput!) { addLangChainMessages(input: $input) { messages { messageId } duplicates } }`,
			map[string]any{"input": map[string]any{"threadId": threadID, "messages": messages[:n], "createIfMissing": create}}, &got)
		if err != nil {
			return fmt.Errorf("behind %d messages: %w", count, err)
		}
		count, duplicates = count+n, duplicates+got.AddLangChainMessages.Duplicates
		messages = messages[n:]
	}
	if u.json {
		return u.print(map[string]int{"messages": count, "duplicates": duplicates})
	}
	_, err = fmt.Fprintf(u.Out, "%d messages, %d of them were there already\n", count, duplicates)
	return err
}

// messagesOf reads JSON values one after the other; lists count as what they hold.
func messagesOf(raw []byte) ([]json.RawMessage, error) {
	var all []json.RawMessage
	for values := json.NewDecoder(bytes.NewReader(raw)); ; {
		var value json.RawMessage
		err := values.Decode(&value)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, &usageError{fmt.Sprintf("give messages as JSON: %v", err)}
		}
		if value[0] == '[' {
			var list []json.RawMessage
			if err := json.Unmarshal(value, &list); err != nil {
				return nil, &usageError{fmt.Sprintf("give messages as JSON: %v", err)}
			}
			all = append(all, list...)
			continue
		}
		all = append(all, value)
	}
	if len(all) == 0 {
		return nil, &usageError{"give at least one message"}
	}
	return all, nil
}
