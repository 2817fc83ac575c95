package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"agentstate/internal/client"
)

// tail makes the command tail.
func (u *user) tail() *cobra.Command {
	var after string
	var last int
	cmd := u.command("tail THREAD", "Follow the messages of a thread",
		"Shows the last messages of a thread, and then each new one as it comes, once and in order, through broken connections and restarts of the server. It ends when the thread is gone.\n\nWith --json each line is a message; give the cursor of the last one back by --after to go on where it ended.",
		cobra.ExactArgs(1), func(ctx context.Context, c *client.Client, args []string) error {
			if last < 0 || last > 1000 {
				return &usageError{"give --last a number from 0 to 1000"}
			}
			cursor, err := u.begin(ctx, c, args[0], after, last)
			if err != nil {
				return err
			}
			return u.follow(ctx, c, args[0], cursor)
		})
	cmd.Flags().StringVar(&after, "after", "", "show all messages behind this cursor")
	cmd.Flags().IntVar(&last, "last", 10, "how many messages to show first, 0 to 1000; not with --after")
	return cmd
}

// begin shows what is there already, and gives the cursor behind which to go on.
func (u *user) begin(ctx context.Context, c *client.Client, threadID, after string, last int) (string, error) {
	if after != "" {
		return after, nil
	}
	var got struct {
		AgentState *struct {
			MessageCursor string
			Messages      struct{ Nodes []json.RawMessage }
		}
	}
	err := c.Do(ctx, `query ($id: ID!, $last: Int!) { agentState(threadId: $id) { messageCursor messages(last: $last) { nodes { `+messageFields+` } } } }`,
		map[string]any{"id": threadID, "last": max(last, 1)}, &got)
	if err != nil {
		return "", err
	}
	if got.AgentState == nil {
		return "", errNoThread(threadID)
	}
	if last == 0 { // a page has one message at least
		got.AgentState.Messages.Nodes = nil
	}
	for _, raw := range got.AgentState.Messages.Nodes {
		var m message
		if err := json.Unmarshal(raw, &m); err != nil {
			return "", err
		}
		if err := u.show(raw, m); err != nil {
			return "", err
		}
	}
	return got.AgentState.MessageCursor, nil
}

// follow shows what comes.
func (u *user) follow(ctx context.Context, c *client.Client, threadID, after string) error {
	variables := map[string]any{"id": threadID, "after": after}
	err := c.Follow(ctx, `subscription ($id: ID!, $after: String) { messageAdded(threadId: $id, after: $after) { `+messageFields+` } }`, variables,
		func(data json.RawMessage) error {
			var got struct{ MessageAdded json.RawMessage }
			if err := json.Unmarshal(data, &got); err != nil {
				return err
			}
			var m message
			if err := json.Unmarshal(got.MessageAdded, &m); err != nil {
				return err
			}
			return u.show(got.MessageAdded, m)
		},
		func(cause error) {
			_, _ = fmt.Fprintf(u.Err, "agentstate: the connection has ended, going on behind the last message: %v\n", cause)
		})
	if errors.Is(err, client.ErrOver) {
		_, _ = fmt.Fprintln(u.Err, "agentstate: the thread is gone")
		return nil
	}
	return err
}

func (u *user) show(raw json.RawMessage, m message) error {
	if u.json {
		return u.print(raw)
	}
	return writeMessage(u.Out, m)
}
