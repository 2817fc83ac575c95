// Package cli has the commands for those who use a server: they ask it by its API and know nothing of Redis. Those of an operator, who
// has Redis, are beside the server itself.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"agentstate/internal/client"
)

// The exit codes of these commands.
const (
	ExitRefused     = 1 // the server refuses: no such thread, bad input, no permission
	ExitUsage       = 2 // the command makes no sense
	ExitUnreachable = 3 // there is no answer
)

// Streams are where a command reads and writes, and what it knows of its environment.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	Environ  []string
}

// Commands makes the commands. Each ends the program with a code of its own by what exit makes of it.
func Commands(s Streams, exit func(code int, cause error) error) []*cobra.Command {
	u := &user{Streams: s, exit: exit}
	return []*cobra.Command{u.list(), u.get(), u.add(), u.tail(), u.health()}
}

// user is who runs a command.
type user struct {
	Streams
	exit func(code int, cause error) error

	url, token string
	timeout    time.Duration
	json       bool
}

// environment gives a variable of the environment, or what stands for it.
func (u *user) environment(name, otherwise string) string {
	for _, pair := range u.Environ {
		if value, ok := strings.CutPrefix(pair, name+"="); ok && value != "" {
			otherwise = value
		}
	}
	return otherwise
}

// command makes a command that asks a server.
func (u *user) command(use, short, long string, args cobra.PositionalArgs, run func(ctx context.Context, c *client.Client, args []string) error) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long + connectionHelp,
		Args: func(cmd *cobra.Command, given []string) error {
			if err := args(cmd, given); err != nil {
				return u.exit(ExitUsage, fmt.Errorf("%w; see agentstate %s --help", err, cmd.Name()))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := client.New(u.url, u.token, u.timeout)
			if err != nil {
				return u.exit(ExitUsage, err)
			}
			return u.ended(run(cmd.Context(), c, args))
		},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return u.exit(ExitUsage, fmt.Errorf("%w; see agentstate %s --help", err, cmd.Name()))
	})
	cmd.Flags().StringVar(&u.url, "url", u.environment("AGENTSTATE_URL", "http://127.0.0.1:8080"), "the server; AGENTSTATE_URL in the environment")
	cmd.Flags().StringVar(&u.token, "token", "", "a bearer token; AGENTSTATE_TOKEN in the environment, where other users do not see it")
	cmd.Flags().DurationVar(&u.timeout, "timeout", 30*time.Second, "how long an answer may take")
	cmd.Flags().BoolVar(&u.json, "json", false, "print JSON as the API gives it")
	cmd.PreRun = func(*cobra.Command, []string) {
		if u.token == "" {
			u.token = u.environment("AGENTSTATE_TOKEN", "")
		}
	}
	return cmd
}

const connectionHelp = `

It asks a running server by its API.

Exit codes: 0 it is done; 1 the server refuses; 2 the command makes no sense; 3 there is no answer.`

// ended gives an error its exit code.
func (u *user) ended(err error) error {
	var unreachable *client.UnreachableError
	var usage *usageError
	switch {
	case err == nil, errors.Is(err, context.Canceled): // a signal is how one ends what goes on
		return nil
	case errors.As(err, &unreachable):
		return u.exit(ExitUnreachable, err)
	case errors.As(err, &usage):
		return u.exit(ExitUsage, err)
	}
	return u.exit(ExitRefused, err)
}

// usageError says that a command makes no sense.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// errNoThread says that a query has found nothing.
func errNoThread(id string) error {
	return &client.Error{Message: fmt.Sprintf("There is no thread %q.", id), Extensions: map[string]any{"code": "NOT_FOUND"}}
}

// print writes a line of JSON.
func (u *user) print(v any) error {
	enc := json.NewEncoder(u.Out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// plain makes a text safe for a terminal: what would move its cursor, colour it or do worse is shown as what it is. Lines stay lines.
func plain(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || r == '\t':
			b.WriteRune(r)
		case r < 0x20 || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069':
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// stdin reads what is typed or piped, up to a bound.
func (u *user) stdin() ([]byte, error) {
	const most = 64 << 20
	raw, err := io.ReadAll(io.LimitReader(u.In, most+1))
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	if len(raw) > most {
		return nil, &usageError{fmt.Sprintf("give at most %d bytes at once", most)}
	}
	return raw, nil
}

// isTerminal tells whether standard input is one: then nobody has piped anything.
func (u *user) isTerminal() bool {
	file, ok := u.In.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
