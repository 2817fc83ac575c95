//go:build unix

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
	"agentstate/internal/servertest"
)

// exited is the end of a command with a code.
type exited struct {
	code  int
	cause error
}

func (e *exited) Error() string { return fmt.Sprint(e.code, " ", e.cause) }

// output is what a command prints, for one who reads while it does.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// command runs a command line against a server, and gives what it printed and its exit code.
func command(ctx context.Context, url, stdin string, out, errs *output, args ...string) int {
	root := &cobra.Command{Use: "agentstate", SilenceErrors: true, SilenceUsage: true}
	streams := Streams{In: strings.NewReader(stdin), Out: out, Err: errs, Environ: []string{"AGENTSTATE_URL=" + url, "AGENTSTATE_TOKEN=secret"}}
	root.AddCommand(Commands(streams, func(code int, cause error) error { return &exited{code, cause} })...)
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	var exit *exited
	if errors.As(err, &exit) {
		_, _ = fmt.Fprint(errs, exit.cause)
		return exit.code
	}
	if err != nil {
		_, _ = fmt.Fprint(errs, err)
		return -1
	}
	return 0
}

func run(tb testing.TB, url, stdin string, args ...string) (out, errs string, code int) {
	tb.Helper()
	var o, e output
	code = command(tb.Context(), url, stdin, &o, &e, args...)
	return o.String(), e.String(), code
}

// server starts a server on a Redis of its own.
func server(tb testing.TB) *servertest.Server {
	tb.Helper()
	host, port, err := net.SplitHostPort(redistest.Start(tb).Addr())
	require.NoError(tb, err)
	return servertest.Start(tb, "the server", servertest.Build(tb), "LOG_LEVEL=warn", "REDIS_HOST="+host, "REDIS_PORT="+port)
}

func TestCommands(t *testing.T) {
	s := server(t)
	url := s.Client.URL
	for _, c := range []struct {
		args  []string
		stdin string
		code  int
		out   string // is in what was printed
		errs  string // is in what went wrong
	}{
		{args: []string{"ls"}},
		{args: []string{"get", "a"}, code: ExitRefused, errs: `There is no thread "a". (NOT_FOUND)`},
		{args: []string{"add", "a", "hello"}, code: ExitRefused, errs: "NOT_FOUND"},
		{args: []string{"add", "a", "hello", "--create", "--id", "m1"}, out: "#1  m1\n"},
		{args: []string{"add", "a", "hello", "--id", "m1"}, out: "#1  m1  it was there already\n"},
		{args: []string{"add", "a", "--type", "ai", "--id", "m2"}, stdin: "two\nlines \x1b[31m\n", out: "#2  m2\n"},
		{args: []string{"add", "a", "-", "--json", "--id", "m3"}, stdin: "typed", out: `{"message":{"messageId":"m3","seq":3,`},
		{args: []string{"add", "a", "x", "--type", "nobody"}, code: ExitRefused, errs: "BAD_USER_INPUT"},
		{
			args: []string{"add", "a", "--langchain"}, out: "3 messages, 0 of them were there already\n",
			stdin: `[{"role":"user","content":"q"},{"type":"ai","content":"","id":"c","tool_calls":[{"id":"c1","name":"s","args":{"x":1}}]}] {"role":"tool","tool_call_id":"c1","content":"ok"}`,
		},
		{args: []string{"add", "a", "--langchain"}, stdin: "{", code: ExitUsage, errs: "give messages as JSON"},
		{args: []string{"add", "a", "--langchain"}, stdin: "", code: ExitUsage, errs: "at least one"},
		{args: []string{"add", "a", "x", "--langchain"}, code: ExitUsage, errs: "leave TEXT out"},
		{args: []string{"add", "a", "--langchain"}, stdin: `{"role":"tool","content":"x"}`, code: ExitRefused, errs: "messages[0].tool_call_id"},
		{args: []string{"get", "a"}, out: "a  version 4  6 messages"},
		{args: []string{"get", "a"}, out: "    two\n    lines \\u001b[31m\n"},
		{args: []string{"get", "a"}, out: `    -> s({"x":1}) c1`},
		{args: []string{"get", "a", "--last", "1", "--json"}, out: `"messages":{"nodes":[{"messageId":`},
		{args: []string{"get", "a", "--last", "0"}, code: ExitRefused, errs: "last"},
		{args: []string{"ls", "a*"}, out: "a  6  "},
		{args: []string{"ls", "--json", "--limit", "0"}, out: `{"threadId":"a","version":4,`},
		{args: []string{"get"}, code: ExitUsage, errs: "accepts 1 arg(s), received 0; see agentstate get --help"},
		{args: []string{"ls", "--nonsense"}, code: ExitUsage, errs: "unknown flag"},
		{args: []string{"ls", "--url", "ftp://x"}, code: ExitUsage, errs: "give --url"},
		{args: []string{"ls", "--url", "127.0.0.1:1"}, code: ExitUnreachable, errs: "is the server running"},
		{args: []string{"ls", "--url", url + "/nowhere"}, code: ExitRefused, errs: "nothing at this path"},
		{args: []string{"tail", "none"}, code: ExitRefused, errs: "NOT_FOUND"},
		{args: []string{"tail", "a", "--after", "x"}, code: ExitRefused, errs: "BAD_USER_INPUT"},
		{args: []string{"tail", "a", "--last", "1001"}, code: ExitUsage, errs: "0 to 1000"},
	} {
		out, errs, code := run(t, url, c.stdin, c.args...)
		assert.Equal(t, c.code, code, "%v: %s", c.args, errs)
		assert.Contains(t, out, c.out, "%v", c.args)
		assert.Contains(t, errs, c.errs, "%v", c.args)
	}
	for i := range 250 {
		_, _, code := run(t, url, "", "add", fmt.Sprintf("many%03d", i), "x", "--create")
		require.Zero(t, code)
	}
	out, _, _ := run(t, url, "", "ls", "many*", "--limit", "0")
	assert.Equal(t, 250, strings.Count(out, "\n"))
	out, _, _ = run(t, url, "", "ls", "--limit", "3")
	assert.Equal(t, 3, strings.Count(out, "\n"))
}

// TestTail follows a thread while the server is killed and started again, and more is said meanwhile.
func TestTail(t *testing.T) {
	s := server(t)
	url := s.Client.URL
	for i := range 5 {
		_, _, code := run(t, url, "", "add", "a", fmt.Sprint("text ", i), "--create")
		require.Zero(t, code)
	}
	var out, errs output
	ended := make(chan int)
	go func() { ended <- command(t.Context(), url, "", &out, &errs, "tail", "a", "--last", "2") }()
	shows := func(text string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Contains(out.String(), text) }, 60*time.Second, 10*time.Millisecond, "%s\n%s", text, &errs)
	}
	shows("text 4")
	_, _, _ = run(t, url, "", "add", "a", "while it listens")
	shows("while it listens")
	s.Kill()
	require.Eventually(t, func() bool { return strings.Contains(errs.String(), "going on behind") }, 60*time.Second, 10*time.Millisecond)
	s.Start()
	_, _, _ = run(t, url, "", "add", "a", "behind it all")
	shows("behind it all")
	s.Client.Must(t, `mutation { deleteAgentState(input: {threadId: "a"}) { deletedThreadId } }`, nil, nil)
	select {
	case code := <-ended:
		assert.Zero(t, code)
	case <-time.After(60 * time.Second):
		require.FailNow(t, "it goes on though the thread is gone")
	}
	assert.Contains(t, errs.String(), "the thread is gone")
	var numbers []string
	for line := range strings.Lines(out.String()) {
		if number, _, ok := strings.Cut(line, " human"); ok {
			numbers = append(numbers, number)
		}
	}
	assert.Equal(t, []string{"#4", "#5", "#6", "#7"}, numbers, "each once, in order")
}
