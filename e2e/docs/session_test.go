//go:build unix

package docs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"agentstate/internal/nodetest"
	"agentstate/internal/redistest"
	"agentstate/internal/servertest"
)

// What works never waits so long.
const (
	patience     = 2 * time.Minute  // for a block, and for what a terminal is to show
	stopPatience = 10 * time.Second // for a program to end by itself
)

// session is a reader who goes through a document: with one folder, one server with a Redis of its own, one shell and some terminals.
type session struct {
	tb     testing.TB
	binary string
	shown  time.Duration // how long a terminal may take to show what the document says
	folder string        // where files and programs are
	stands string        // where the shell stands
	server string        // host:port
	here   *strings.Replacer
	there  *strings.Replacer
	env    []string

	shell     *shell
	terminals map[string]terminal
	last      *outcome // what the last block gave, until it was compared
	unused    map[string]*block
}

// outcome is what a block has given.
type outcome struct {
	stdout, stderr string
	terminal       terminal // in place of both: it goes on
	variables      *block   // what the next block is, if it is no answer
}

// prepare prepares a document. Everything that it starts ends with the test.
func prepare(t *testing.T, binary string, d *document) *session {
	t.Helper()
	s := &session{tb: t, binary: binary, shown: patience, folder: t.TempDir(), terminals: make(map[string]terminal), unused: make(map[string]*block)}
	s.stands = s.folder
	if d.folder != "" {
		s.stands = filepath.Join(filepath.Dir(filepath.Join(servertest.Root(), d.file)), d.folder)
		if _, err := os.Stat(filepath.Join(s.stands, "package.json")); err == nil {
			nodetest.Install(t, s.stands)
		}
	}
	packages, err := filepath.Abs("node_modules")
	require.NoError(t, err)
	require.NoError(t, os.Symlink(packages, filepath.Join(s.folder, "node_modules")))
	s.addresses(d)
	t.Cleanup(s.close)
	return s
}

// addresses starts what the document expects to be there, and maps the addresses of the page to those that they have here.
func (s *session) addresses(d *document) {
	whole, ownServer := "", false
	for _, b := range d.blocks {
		whole += b.text
		ownServer = ownServer || b.directives["terminal"] == "server"
	}
	at := map[string]string{}
	if !ownServer {
		redis := redistest.Start(s.tb).Addr()
		at["127.0.0.1:6379"] = redis
		s.server = servertest.Start(s.tb, "the server of "+d.file, s.binary, "LOG_LEVEL=warn", "REDIS_URL=redis://"+redis).Addr()
		s.env = append(s.env, "REDIS_URL=redis://"+redis)
	} else {
		s.server = freeAddr(s.tb)
		s.env = append(s.env, "LISTEN_ADDR="+s.server)
	}
	at["127.0.0.1:8080"], at["localhost:8080"] = s.server, s.server
	if strings.Contains(whole, "127.0.0.1:6380") { // a second Redis
		at["127.0.0.1:6380"] = redistest.Start(s.tb).Addr()
	}
	if strings.Contains(whole, "127.0.0.1:8081") { // a second server, which the document starts
		at["127.0.0.1:8081"] = freeAddr(s.tb)
	}
	var here, there []string
	for _, page := range slices.Sorted(maps.Keys(at)) {
		here = append(here, page, at[page])
		there = append(there, at[page], page)
	}
	s.here, s.there = strings.NewReplacer(here...), strings.NewReplacer(there...)
	s.env = append(s.env, "AGENTSTATE_URL=http://"+s.server)
}

func freeAddr(tb testing.TB) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	defer listener.Close()
	return listener.Addr().String()
}

func (s *session) close() {
	for _, open := range s.terminals {
		open.stop()
	}
	if s.shell != nil {
		s.shell.stop()
	}
}

// run runs a block; rest are those behind it.
func (s *session) run(ctx context.Context, b *block, rest []*block) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if name, ok := b.directives["ctrl-c"]; ok {
		if err := s.interrupt(name); err != nil {
			return err
		}
	}
	if !b.follows {
		s.last = nil
	}
	switch {
	case b.lang == "":
		return errors.New("it has no language: `text` is one")
	case b.has("not run"):
		return s.check(ctx, b)
	case b.has("file"):
		return s.write(b)
	case b.has("shows"):
		return s.shows(b)
	case b.has("terminal"):
		s.uses(b)
		return s.launch(ctx, b)
	case b.lang == "text":
		return s.answers(b, compareText)
	case s.last != nil && s.last.variables == b:
		s.last.variables = nil // it was sent
		return nil
	case b.lang == "json" && s.last != nil:
		return s.answers(b, compareJSON)
	}
	runner, ok := runners[b.lang]
	if !ok {
		return fmt.Errorf("the test does not know how to run a block of %q: give it a language that it knows, or a directive", b.lang)
	}
	s.uses(b)
	out, err := runner(ctx, s, b, rest)
	if err != nil {
		s.last = &outcome{stdout: "what it follows has failed"}
		return err
	}
	s.last = out
	return nil
}

// answers compares what the last block gave.
func (s *session) answers(b *block, compare func(want, got string) error) error {
	if s.last == nil || !b.follows {
		return errors.New("it follows nothing that was run: give it a directive that says what it is")
	}
	got := s.last
	s.last = nil
	if got.terminal != nil {
		return s.waitFor(got.terminal, b)
	}
	err := compare(b.text, s.there.Replace(got.stdout))
	if err != nil && got.stderr != "" && compare(b.text, s.there.Replace(got.stdout+got.stderr)) == nil {
		return nil
	}
	return err
}

// shows waits until a terminal has printed something.
func (s *session) shows(b *block) error {
	open, ok := s.terminals[b.directives["shows"]]
	if !ok {
		return fmt.Errorf("there is no terminal %q", b.directives["shows"])
	}
	return s.waitFor(open, b)
}

func (s *session) waitFor(open terminal, b *block) error {
	contains := containsText
	if b.lang == "json" {
		contains = containsJSON
	}
	var err error
	within(s.shown, func() bool {
		err = contains(b.text, s.there.Replace(open.output()))
		return err == nil
	})
	return err
}

// within asks until it is so, and says whether it was in time.
func within(patience time.Duration, so func() bool) bool {
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if so() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

func (s *session) write(b *block) error {
	name := b.directives["file"]
	path := filepath.Join(s.folder, name)
	if !filepath.IsLocal(name) {
		return fmt.Errorf("%q is not in the folder", name)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	s.uses(b)
	s.unused[filepath.Base(name)] = b
	return os.WriteFile(path, []byte(s.here.Replace(b.text)), 0o600)
}

// uses notes the files that a block names: a file that none does would not be tested.
func (s *session) uses(b *block) {
	for name := range s.unused {
		configures := b.lang == "sh" && strings.Contains(name, "config") // tools find such a file by themselves
		if configures || strings.Contains(b.text, strings.TrimSuffix(name, filepath.Ext(name))) {
			delete(s.unused, name)
		}
	}
}

// check looks at what is not run as far as that goes: whether it could be.
func (s *session) check(ctx context.Context, b *block) error {
	switch b.lang {
	case "sh":
		_, err := s.program(ctx, b, nil, "bash", "-n", s.save(b, "sh"))
		return err
	case "python", "py":
		_, err := s.program(ctx, b, nil, "python3", "-c", "import sys; compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')", s.save(b, "py"))
		return err
	default:
		return nil
	}
}

// save writes a block to a file of its own, and gives its name.
func (s *session) save(b *block, ext string) string {
	name := fmt.Sprintf("line-%d.%s", b.line, ext)
	require.NoError(s.tb, os.WriteFile(filepath.Join(s.folder, name), []byte(s.here.Replace(b.text)), 0o600))
	return name
}

// environ is the environment of everything that a document runs: that of the test without what is meant for its own servers.
func (s *session) environ() []string {
	environ := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return strings.HasPrefix(name, "AGENTSTATE_") || strings.HasPrefix(name, "REDIS_") || slices.Contains([]string{"LISTEN_ADDR", "NODE_OPTIONS", "PATH"}, name)
	})
	commands, _ := filepath.Abs("commands")
	npm, _ := exec.LookPath("npm")
	packages, _ := filepath.Abs("package.json")
	return slices.Concat(environ, s.env, []string{
		"PATH=" + strings.Join([]string{commands, filepath.Dir(s.binary), os.Getenv("PATH")}, ":"),
		"NPM=" + npm, "PACKAGES=" + packages,
		"NODE_OPTIONS=" + nodeOptions(), "NODE_NO_WARNINGS=1", "PYTHONDONTWRITEBYTECODE=1",
	})
}

// nodeOptions gives Node what browsers have: it has WebSocket without being asked from 22 on.
// https://nodejs.org/docs/latest-v22.x/api/globals.html#websocket
var nodeOptions = sync.OnceValue(func() string {
	out, err := exec.Command("node", "-p", "typeof WebSocket").Output()
	if err == nil && strings.TrimSpace(string(out)) == "undefined" {
		return "--experimental-websocket"
	}
	return ""
})
