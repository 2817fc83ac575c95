//go:build unix

// Package examples runs the programs of examples/ against the real binary, as their readers would, and kills them where that is their point.
package examples

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/nodetest"
	"agentstate/internal/redistest"
	"agentstate/internal/servertest"
)

// patience bounds what takes a second or two.
const patience = 60 * time.Second

var folder = filepath.Join(servertest.Root(), "examples")

func start(t *testing.T) *servertest.Server {
	t.Helper()
	host, port, err := net.SplitHostPort(redistest.Start(t).Addr())
	require.NoError(t, err)
	return servertest.Start(t, "the server", servertest.Build(t), "LOG_LEVEL=warn", "REDIS_HOST="+host, "REDIS_PORT="+port)
}

// program is one that runs.
type program struct {
	command *exec.Cmd
	mu      sync.Mutex
	out     bytes.Buffer
}

func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *program) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// launch starts a program in a folder of the examples. It ends with the test.
func launch(t *testing.T, in, name string, args ...string) *program {
	t.Helper()
	p := &program{command: exec.Command(name, args...)}
	p.command.Dir, p.command.Stdout, p.command.Stderr = filepath.Join(folder, in), p, p
	require.NoError(t, p.command.Start())
	t.Cleanup(p.kill)
	return p
}

func (p *program) kill() {
	_ = p.command.Process.Kill()
	_ = p.command.Wait()
}

// shows waits until a program has printed something.
func (p *program) shows(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(p.String(), text) }, patience, 10*time.Millisecond, "it does not say %q but %s", text, p)
}

func add(t *testing.T, s *servertest.Server, id, kind, text string) {
	t.Helper()
	s.Client.Must(t, `mutation ($input: AddMessageInput!) { addMessage(input: $input) { duplicate } }`, map[string]any{"input": map[string]any{
		"threadId": id, "createIfMissing": true, "message": map[string]any{"messageId": text, "type": kind, "content": text},
	}}, nil)
}

func drop(t *testing.T, s *servertest.Server, id string) {
	t.Helper()
	s.Client.Must(t, `mutation ($id: ID!) { deleteAgentState(input: {threadId: $id}) { deletedThreadId } }`, map[string]any{"id": id}, nil)
}

func python(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil && os.Getenv("AGENTSTATE_NO_SKIP") != "1" {
		t.Skip("install python3 to run its example")
	}
	require.NoError(t, err)
	return path
}

func TestPython(t *testing.T) {
	path, s := python(t), start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	tests := exec.CommandContext(ctx, path, "-B", "-m", "unittest")
	tests.Dir, tests.Env = filepath.Join(folder, "python"), append(os.Environ(), "AGENTSTATE_URL="+s.Client.URL)
	out, err := tests.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "Ran 5 tests")

	demo := exec.CommandContext(ctx, path, "-B", "demo.py", s.Client.URL)
	demo.Dir = filepath.Join(folder, "python")
	out, err = demo.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Equal(t, 7, strings.Count(string(out), "\n"), string(out))
	assert.Contains(t, string(out), "ai     About: Thank you.")
}

func TestListener(t *testing.T) {
	s := start(t)
	binary := filepath.Join(t.TempDir(), "listener")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, filepath.Join(folder, "listener")).CombinedOutput()
	require.NoError(t, err, string(out))
	add(t, s, "a", "HUMAN", "before")
	p := launch(t, "listener", binary, "-url", s.Client.URL, "a")
	for i := 0; !strings.Contains(p.String(), "probe"); i++ { // until it listens
		add(t, s, "a", "AI", fmt.Sprint("probe ", i))
		time.Sleep(20 * time.Millisecond)
	}
	s.Kill()
	s.Start()
	add(t, s, "a", "HUMAN", "behind it")
	p.shows(t, "behind it")
	assert.NotContains(t, p.String(), "before", "only from now on")
	assert.Equal(t, 1, strings.Count(p.String(), "behind it"))
	drop(t, s, "a")
	require.NoError(t, p.command.Wait())

	refused := launch(t, "listener", binary, "-url", s.Client.URL, "none")
	require.Error(t, refused.command.Wait())
	assert.Contains(t, refused.String(), "There is no such thread")
}

func TestWorker(t *testing.T) {
	nodetest.Install(t, filepath.Join(folder, "worker"))
	s := start(t)
	add(t, s, "a", "HUMAN", "ahead of it")
	work := func() *program { return launch(t, "worker", "node", "worker.mjs", "a", s.Client.URL) }
	one := work()
	one.shows(t, "listening")
	add(t, s, "a", "HUMAN", "while it listens")
	one.shows(t, "answered #3")
	one.kill()
	add(t, s, "a", "HUMAN", "while it is dead")
	one, two := work(), work() // both want to answer
	one.shows(t, "listening")
	two.shows(t, "listening")
	s.Kill()
	s.Start()
	for i := range 20 {
		add(t, s, "a", "HUMAN", fmt.Sprint("question ", i))
	}
	require.Eventually(t, func() bool { return len(answers(t, s)) >= 23 }, patience, 20*time.Millisecond)
	counts := make(map[string]int)
	for _, text := range answers(t, s) {
		counts[text]++
	}
	assert.Len(t, counts, 23)
	for text, n := range counts {
		assert.Equal(t, 1, n, text)
	}
	drop(t, s, "a")
	one.shows(t, "the thread is gone")
	two.shows(t, "the thread is gone")
}

// TestChat has Chromium open the chat, and kills the server under it.
func TestChat(t *testing.T) {
	if _, err := exec.LookPath("chromium"); err != nil && os.Getenv("AGENTSTATE_NO_SKIP") != "1" {
		t.Skip("install chromium to look at the chat")
	}
	s := start(t)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /kill", func(http.ResponseWriter, *http.Request) { s.Kill() })
	mux.HandleFunc("POST /start", func(http.ResponseWriter, *http.Request) { s.Start() })
	control := httptest.NewServer(mux)
	defer control.Close()
	nodetest.Run(t, filepath.Join(folder, "chat"), "AGENTSTATE_URL="+s.Client.URL, "CONTROL_URL="+control.URL)
}

// answers are the texts of the worker.
func answers(t *testing.T, s *servertest.Server) []string {
	t.Helper()
	var got struct {
		AgentState struct {
			Messages struct{ Nodes []struct{ Text string } }
		}
	}
	s.Client.Must(t, `{ agentState(threadId: "a") { messages(last: 1000, types: [AI]) { nodes { text } } } }`, nil, &got)
	var texts []string
	for _, m := range got.AgentState.Messages.Nodes {
		texts = append(texts, m.Text)
	}
	return texts
}
