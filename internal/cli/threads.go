package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"agentstate/internal/client"
)

// pageSize is how many threads are asked for at once.
const pageSize = 200

// list makes the command ls.
func (u *user) list() *cobra.Command {
	var limit int
	cmd := u.command("ls [PATTERN]", "List threads, newest first",
		"Lists threads by their last update, newest first: id, messages, when it was updated, when it expires.\n\nPATTERN is a glob on their ids as Redis has it: * ? [a-z].",
		cobra.MaximumNArgs(1), func(ctx context.Context, c *client.Client, args []string) error {
			var filter map[string]any
			if len(args) > 0 {
				filter = map[string]any{"threadIdPattern": args[0]}
			}
			return u.writeThreads(ctx, c, filter, limit)
		})
	cmd.Flags().IntVar(&limit, "limit", 50, "how many at most; 0 for all")
	return cmd
}

const listQuery = `query ($filter: AgentStateFilter, $first: Int!, $after: String) { agentStates(filter: $filter, first: $first, after: $after) {
	nodes { threadId version lastUpdated expiresAt messageCounts { total } metadata } pageInfo { hasNextPage endCursor }
} }`

func (u *user) writeThreads(ctx context.Context, c *client.Client, filter map[string]any, limit int) error {
	table := tabwriter.NewWriter(u.Out, 0, 4, 2, ' ', 0)
	defer table.Flush() //nolint:errcheck // of what is shown to a person
	var after *string
	for left := limit; limit == 0 || left > 0; {
		first := pageSize
		if limit > 0 {
			first = min(left, pageSize)
		}
		var got struct {
			AgentStates struct {
				Nodes    []json.RawMessage
				PageInfo struct {
					HasNextPage bool
					EndCursor   *string
				}
			}
		}
		if err := c.Do(ctx, listQuery, map[string]any{"filter": filter, "first": first, "after": after}, &got); err != nil {
			return err
		}
		for _, raw := range got.AgentStates.Nodes {
			if err := u.writeThread(table, raw); err != nil {
				return err
			}
		}
		left -= len(got.AgentStates.Nodes)
		if after = got.AgentStates.PageInfo.EndCursor; !got.AgentStates.PageInfo.HasNextPage {
			break
		}
	}
	return nil
}

func (u *user) writeThread(table *tabwriter.Writer, raw json.RawMessage) error {
	if u.json {
		return u.print(raw)
	}
	var t struct {
		ThreadID               string
		LastUpdated, ExpiresAt time.Time
		MessageCounts          struct{ Total int }
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return err
	}
	_, err := fmt.Fprintf(table, "%s\t%d\t%s\texpires in %s\n",
		plain(t.ThreadID), t.MessageCounts.Total, t.LastUpdated.Local().Format(time.DateTime), short(time.Until(t.ExpiresAt)))
	return err
}

// short gives a duration in its largest unit.
func short(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d d", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", max(d, 0)/time.Second)
}

// get makes the command get.
func (u *user) get() *cobra.Command {
	var last int
	cmd := u.command("get THREAD", "Show a thread and its last messages", "Shows a thread: its version, context, plans, metadata, and its last messages.",
		cobra.ExactArgs(1), func(ctx context.Context, c *client.Client, args []string) error {
			var got struct{ AgentState json.RawMessage }
			if err := c.Do(ctx, getQuery, map[string]any{"id": args[0], "last": last}, &got); err != nil {
				return err
			}
			if string(got.AgentState) == "null" {
				return errNoThread(args[0])
			}
			if u.json {
				return u.print(got.AgentState)
			}
			return u.writeState(got.AgentState)
		})
	cmd.Flags().IntVar(&last, "last", 20, "how many messages, 1 to 1000")
	return cmd
}

const getQuery = `query ($id: ID!, $last: Int!) { agentState(threadId: $id) {
	threadId version context relevant metadata plan { planId subtasks createdAt } toolCalls { toolId planId tool parameters toolResponse createdAt }
	messageCounts { total human ai system tool other } createdAt lastUpdated ttlSeconds expiresAt
	messages(last: $last) { nodes { ` + messageFields + ` } }
} }`

func (u *user) writeState(raw json.RawMessage) error {
	var s struct {
		ThreadID, Context      string
		Version                int
		Relevant               bool
		Metadata               json.RawMessage
		Plan                   []struct{ Subtasks []string }
		MessageCounts          struct{ Total int }
		LastUpdated, ExpiresAt time.Time
		Messages               struct{ Nodes []message }
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	out := func(format string, args ...any) { _, _ = fmt.Fprintf(u.Out, format, args...) } // the last write tells of an error
	out("%s  version %d  %d messages  updated %s  expires in %s\n", plain(s.ThreadID), s.Version, s.MessageCounts.Total,
		s.LastUpdated.Local().Format(time.DateTime), short(time.Until(s.ExpiresAt)))
	if s.Context != "" {
		out("context: %s\n", plain(s.Context))
	}
	if string(s.Metadata) != "{}" {
		out("metadata: %s\n", plain(string(s.Metadata)))
	}
	for _, p := range s.Plan {
		out("plan: %s\n", plain(fmt.Sprint(p.Subtasks)))
	}
	out("\n")
	for _, m := range s.Messages.Nodes {
		if err := writeMessage(u.Out, m); err != nil {
			return err
		}
	}
	return nil
}
