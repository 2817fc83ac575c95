package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
	"agentstate/internal/redistest"
	"agentstate/store"
)

// command runs one of the commands and gives its exit code and what it printed.
func command(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	err := run(t.Context(), args, environ, &out, &problems, nil)
	code, silent := exitCode(err)
	if !silent {
		problems.WriteString(err.Error())
	}
	return code, out.String(), problems.String()
}

// oldDocument is a thread as the replaced service kept it, with n messages.
func oldDocument(id string, n int) string {
	messages := make([]string, n)
	for i := range messages {
		messages[i] = fmt.Sprintf(`{"message_type": "human", "content": "text %d", "timestamp": "2026-11-01T10:00:%02d", "metadata": {"n": 12345678901234567890}}`, i, i%60)
	}
	return fmt.Sprintf(`{"thread_id": %q, "messages": [%s], "message_counts": {"message_count": %d, "human_messages": %[3]d, "ai_messages": 0},
		"reduced_context": {"context": "c"}, "relevant": false, "plan": [], "tool_calls": [],
		"created_at": "2026-11-01T09:00:00", "last_updated": "2026-11-01T10:01:00", "ttl_seconds": 3600}`, id, strings.Join(messages, ", "), n)
}

// With REDIS_ADOPT=true clients see a thread of the replaced service as any other, by whichever way they come first.
func TestServerAdopts(t *testing.T) {
	t.Parallel()
	for name, touch := range map[string]func(t *testing.T, s *server, id string){
		"query": func(t *testing.T, s *server, id string) {
			assert.Equal(t, id, read(t, s, id, `threadId`).ThreadID)
		},
		"mutation": func(t *testing.T, s *server, id string) {
			assert.Equal(t, 4, add(t, s, id, human("new"))[0].Seq)
		},
		"subscription": func(t *testing.T, s *server, id string) {
			gqltest.Transports[0].Subscribe(t, s.Client, messageAdded, vars{"id": id})
		},
		"the background": func(t *testing.T, s *server, _ string) {
			var got struct{ AgentStateCount int }
			eventually(t, "the list knows it", func() bool {
				s.Must(t, `{ agentStateCount }`, nil, &got)
				return got.AgentStateCount == 1
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			environ, rdb := at(sharedRedis(t).Addr()), sharedRedis(t).Client()
			prefix := strings.TrimPrefix(environ[2], "REDIS_KEY_PREFIX=")
			key := prefix + ":old"
			if name == "the background" {
				require.NoError(t, rdb.Set(t.Context(), key, oldDocument("old", 3), time.Hour).Err())
			}
			s := start(t, append(environ, "REDIS_ADOPT=true")...)
			if name != "the background" {
				require.NoError(t, rdb.Set(t.Context(), key, oldDocument("old", 3), time.Hour).Err())
			}
			touch(t, s, "old")
			eventually(t, "the document is gone", func() bool { return rdb.Exists(t.Context(), key).Val() == 0 })
			thread := read(t, s, "old", `context messages { nodes { messageId text metadata timestamp } }`)
			assert.Equal(t, "c", thread.Context)
			assert.Equal(t, store.OldMessageID("old", 0), thread.Messages.Nodes[0].MessageID)
		})
	}
}

// From the data of the replaced service by adopt, export and import to another Redis, as an operator does it.
func TestMoves(t *testing.T) {
	t.Parallel()
	one, two := redistest.Start(t), redistest.Start(t)
	from, to := []string{"REDIS_URL=redis://" + one.Addr()}, []string{"REDIS_URL=redis://" + two.Addr()}
	rdb := one.Client()
	for i := range 5 {
		id := fmt.Sprintf("t%d", i)
		require.NoError(t, rdb.Set(t.Context(), "thread:"+id, oldDocument(id, 30+i), time.Hour).Err())
	}
	odd := `{"thread_id": "odd", "messages": [{"message_type": "human", "content": 17}], "created_at": "2026-11-01T09:00:00"}`
	require.NoError(t, rdb.Set(t.Context(), "thread:odd", odd, time.Hour).Err())

	code, out, problems := command(t, from, "adopt", "--dry-run")
	assert.Equal(t, exitLeft, code)
	assert.Empty(t, problems)
	for _, line := range []string{"documents: 6\n", "would be adopted: 5\n", "not understood, left: 1\n", `  - "thread:odd": messages[0].content is neither`} {
		assert.Contains(t, out, line)
	}
	code, out, problems = command(t, from, "adopt", "--json", "--owner", "ann")
	assert.Equal(t, exitLeft, code)
	assert.Empty(t, problems)
	var report store.AdoptReport
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	assert.Equal(t, []int{6, 5, 1}, []int{report.Documents, report.Adopted, report.NotUnderstood})
	assert.Equal(t, odd, rdb.Get(t.Context(), "thread:odd").Val())
	require.NoError(t, rdb.Del(t.Context(), "thread:odd").Err())
	code, out, _ = command(t, from, "adopt")
	assert.Zero(t, code)
	assert.Contains(t, out, "documents: 0\n")

	code, exported, problems := command(t, from, "export")
	assert.Zero(t, code)
	assert.Contains(t, problems, "exported: 5 threads with 160 messages")
	file := filepath.Join(t.TempDir(), "threads.ndjson")
	code, out, problems = command(t, from, "export", "--output", file, "--owner", "ann", "--pattern", "t*", "--json")
	assert.Zero(t, code)
	assert.Empty(t, problems)
	assert.JSONEq(t, `{"threads": 5, "messages": 160, "damaged": []}`, out)
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, exported, string(written))

	code, out, problems = command(t, to, "import", "--input", file)
	assert.Zero(t, code, problems)
	assert.Contains(t, out, "imported: 5 threads with 160 messages\n")
	_, again, _ := command(t, to, "export")
	assert.Equal(t, exported, again, "the same bytes")
	code, out, _ = command(t, to, "import", "--input", file, "--on-conflict", "fail")
	assert.Zero(t, code)
	assert.Contains(t, out, "there just so: 5\n")
	code, _, _ = command(t, to, "doctor", "--ignore", "persistence-off", "--deep")
	assert.Zero(t, code)

	code, _, _ = command(t, to, "import", "--input", file, "--owner", "ann", "--to-owner", "", "--pattern", "t1")
	assert.Zero(t, code)
	s := start(t, to...)
	add(t, s, "t1", human("more"))
	code, _, problems = command(t, to, "import", "--input", file, "--to-owner", "", "--on-conflict", "fail", "--pattern", "t1")
	assert.Equal(t, exitLeft, code)
	assert.Contains(t, problems, `thread "t1" of owner "" is there with other content; use --on-conflict skip or replace`)
	code, out, _ = command(t, to, "import", "--input", file, "--to-owner", "", "--on-conflict", "replace", "--pattern", "t1")
	assert.Zero(t, code)
	assert.Contains(t, out, "replaced: 1\n")
	assert.Equal(t, 31, read(t, s, "t1", `messageCounts { total }`).MessageCounts["total"])
}

func TestMovesThatCannotBeDone(t *testing.T) {
	t.Parallel()
	away := redistest.Start(t)
	away.Kill()
	there := []string{"REDIS_URL=redis://" + sharedRedis(t).Addr(), "REDIS_KEY_PREFIX=nodone"}
	tokens := filepath.Join(t.TempDir(), "tokens")
	require.NoError(t, os.WriteFile(tokens, []byte("ann "+strings.Repeat("x", 40)+"\n"), 0o600))
	damaged := filepath.Join(t.TempDir(), "damaged")
	require.NoError(t, os.WriteFile(damaged, []byte("hello\n"), 0o600))
	for name, c := range map[string]struct {
		environ, args []string
		want          string
	}{
		"no Redis is named":  {nil, []string{"export"}, "set REDIS_HOST"},
		"Redis is away":      {[]string{"REDIS_URL=redis://" + away.Addr()}, []string{"adopt"}, "redis is unavailable"},
		"bad variable":       {[]string{"REDIS_ADOPT=perhaps"}, []string{"adopt"}, "true or false"},
		"an argument":        {there, []string{"import", "file"}, `unknown argument "file"`},
		"an unknown flag":    {there, []string{"export", "--all"}, "see agentstate export --help"},
		"an unknown answer":  {there, []string{"import", "--on-conflict", "merge"}, "give it skip, replace or fail"},
		"a damaged file":     {there, []string{"import", "--input", damaged}, "line 1 is not understood"},
		"no such file":       {there, []string{"import", "--input", damaged + "2"}, "no such file"},
		"no place for it":    {there, []string{"export", "--output", damaged + "/x"}, "not a directory"},
		"owned by nobody":    {append([]string{"AUTH_MODE=tokens", "AUTH_TOKENS_FILE=" + tokens}, there...), []string{"adopt"}, "name one by --owner or REDIS_ADOPT_OWNER"},
		"another REDIS_FILE": {append([]string{"EMBEDDED_FILE=x"}, there...), []string{"export"}, "EMBEDDED_FILE: leave it out"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, _, problems := command(t, c.environ, c.args...)
			assert.Equal(t, exitNotDone, code)
			assert.Contains(t, problems, c.want)
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := run(ctx, []string{"import", "--input", damaged}, there, &bytes.Buffer{}, &bytes.Buffer{}, nil)
	require.ErrorContains(t, err, "interrupted: what was done stays")
}

// The embedded Redis of a server with a file is there again after a restart, and says so.
func TestServerKeepsItsFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "threads.ndjson")
	s := start(t, "EMBEDDED_FILE="+file)
	assert.Contains(t, s.log.String(), "saved every ten seconds")
	assert.NotContains(t, s.log.String(), "NO REDIS")
	created := create(t, s, "one", human("m1"), human("m2"))
	require.NoError(t, s.stop())

	s = start(t, "EMBEDDED_FILE="+file)
	again := read(t, s, "one", `version expiresAt messages { nodes { messageId cursor } }`)
	assert.Equal(t, created.Version, again.Version)
	assert.Equal(t, created.Messages.Nodes[1].Cursor, again.Messages.Nodes[1].Cursor, "cursors hold")
	require.NoError(t, s.stop())

	require.NoError(t, os.WriteFile(file, []byte("hello\n"), 0o600))
	err := run(t.Context(), nil, []string{"LISTEN_ADDR=127.0.0.1:0", "EMBEDDED_FILE=" + file}, &bytes.Buffer{}, &bytes.Buffer{}, nil)
	require.ErrorContains(t, err, file+": the file is damaged")
	kept, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, "hello\n", string(kept))
}
