package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
	"agentstate/store"
)

// doctor runs `agentstate doctor` and gives its exit code and what it printed.
func doctor(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	err := run(t.Context(), append([]string{"doctor"}, args...), environ, &out, &problems, nil)
	code, silent := exitCode(err)
	if !silent {
		problems.WriteString(err.Error())
	}
	return code, out.String(), problems.String()
}

// From the server's own threads by damage and repair back to health, as an operator would see it.
func TestDoctor(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, "--appendonly", "yes")
	environ := []string{"REDIS_URL=redis://" + redis.Addr()}
	s := start(t, environ...)
	var created any
	s.Must(t, `mutation { addMessage(input: {threadId: "one", createIfMissing: true, message: {type: HUMAN, content: "hello"}}) { message { seq } } }`, nil, &created)

	code, out, problems := doctor(t, environ)
	assert.Equal(t, 0, code, out)
	assert.Empty(t, problems, "no progress but on a terminal")
	for _, fact := range []string{"layout 1 with 16 buckets", "standalone", "node " + redis.Addr() + ": master", "persistence append-only file", "1 threads", "no findings"} {
		assert.Contains(t, out, fact)
	}

	keys, err := redis.Client().Keys(t.Context(), "thread:{*}:l:*").Result()
	require.NoError(t, err)
	require.Len(t, keys, 1)
	require.NoError(t, redis.Client().Del(t.Context(), keys...).Err())
	code, out, _ = doctor(t, environ)
	assert.Equal(t, exitFindings, code)
	for _, fact := range []string{"PROBLEM index-id: 1\n", "--fix", `- "" "one"`} {
		assert.Contains(t, out, fact)
	}
	code, _, _ = doctor(t, environ, "--ignore", "other,index-id")
	assert.Equal(t, 0, code)
	code, out, _ = doctor(t, environ, "--fix")
	assert.Equal(t, 0, code)
	assert.Contains(t, out, "PROBLEM index-id: 1, 1 repaired\n")

	code, out, _ = doctor(t, environ, "--json", "--deep")
	assert.Equal(t, 0, code)
	var report struct {
		Version string
		Healthy bool
		Layout  store.Layout
		Nodes   []map[string]any
		Buckets []map[string]any
		Examined,
		Unknown map[string]int
		Findings []store.Finding
	}
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	assert.True(t, report.Healthy)
	assert.Equal(t, versionOf(), report.Version)
	assert.Equal(t, store.Layout{Version: 1, Buckets: 16}, report.Layout)
	assert.Len(t, report.Nodes, 1)
	assert.Len(t, report.Buckets, 16)
	assert.Equal(t, 1, report.Examined["messages"])
	assert.NotNil(t, report.Findings)
}

func TestDoctorThatCannotLook(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	redis.Kill()
	for name, c := range map[string]struct {
		environ, args []string
		want          string
	}{
		"no Redis named":    {want: "REDIS_HOST"},
		"no Redis there":    {environ: []string{"REDIS_URL=redis://" + redis.Addr()}, want: "unavailable"},
		"bad configuration": {environ: []string{"REDIS_PORT=x"}, want: "REDIS_PORT"},
		"an unknown flag":   {args: []string{"--mend"}, want: "--help"},
		"an argument":       {args: []string{"one"}, want: "--help"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, out, problems := doctor(t, c.environ, c.args...)
			assert.Equal(t, exitNoLook, code)
			assert.Empty(t, out)
			assert.Contains(t, problems, c.want)
		})
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		code   int
		silent bool
	}{{nil, 0, true}, {errors.New("x"), 1, false}, {&exitError{code: 1}, 1, true}, {&exitError{code: 2, cause: errors.New("x")}, 2, false}} {
		code, silent := exitCode(c.err)
		assert.Equal(t, c.code, code)
		assert.Equal(t, c.silent, silent)
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	var shown strings.Builder
	p := progress{w: &shown}
	p.tell(50, 200)
	p.tell(60, 200) // too soon
	p.shown = p.shown.Add(-time.Second)
	p.tell(300, 200)
	p.end()
	assert.Equal(t, "\r\x1b[Klooking at the keys: 50 of about 200 (25 %)\r\x1b[Klooking at the keys: 300 of about 200 (100 %)\r\x1b[K", shown.String())
	quiet := newProgress(&shown)
	quiet.tell(1, 2)
	quiet.end()
	assert.Nil(t, quiet.w)
}

func TestCompletionAndHelpOfCommands(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		text, err := invoke(t, []string{"completion", shell}, nil)
		require.NoError(t, err)
		assert.Contains(t, text, "agentstate")
	}
	help, err := invoke(t, []string{"--help"}, nil)
	require.NoError(t, err)
	for _, command := range []string{"serve", "doctor", "completion", "version"} {
		assert.Contains(t, help, "\n  "+command+" ")
	}
	help, err = invoke(t, []string{"doctor", "--help"}, nil)
	require.NoError(t, err)
	for _, told := range []string{"--fix", "--deep", "--json", "--ignore", "Exit codes: 0", "docs/operations.md"} {
		assert.Contains(t, help, told)
	}
}

// serve is what is done without a command.
func TestServeByName(t *testing.T) {
	t.Parallel()
	taken := start(t)
	_, err := invokeServing(t, []string{"serve"}, []string{"LISTEN_ADDR=" + taken.addr})
	assert.ErrorContains(t, err, "LISTEN_ADDR")
}

// invokeServing runs the program with arguments with which it would serve.
func invokeServing(t *testing.T, args, environ []string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), args, environ, &out, &out, nil)
	return out.String(), err
}
