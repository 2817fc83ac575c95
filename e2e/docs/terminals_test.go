//go:build unix

package docs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// terminal is where something stays open while the reader goes on.
type terminal interface {
	output() string
	ended() bool
	stop()
}

// screen is what a terminal has shown.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// command is a terminal with a shell in it.
type command struct {
	screen

	process *exec.Cmd
	exited  chan struct{}
}

func (c *command) ended() bool {
	select {
	case <-c.exited:
		return true
	default:
		return false
	}
}

// stop is Ctrl-C, and the end where that does not help.
func (c *command) stop() {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		_ = syscall.Kill(-c.process.Process.Pid, signal)
		if within(stopPatience, c.ended) {
			return
		}
	}
}

// subscription is a terminal in which GraphQL is followed.
type subscription struct {
	screen

	cancel context.CancelFunc
	done   chan struct{}
}

func (s *subscription) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

func (s *subscription) stop() {
	s.cancel()
	<-s.done
}

// launch starts what a block says in a terminal of its own, and returns when it is at work.
func (s *session) launch(ctx context.Context, b *block) error {
	name, ready := b.directives["terminal"], s.alive
	if strings.HasPrefix(name, "server") {
		ready = func(ctx context.Context, _ terminal, _ int) bool { return s.serves(ctx, b) }
	}
	return s.open(ctx, name, func() (terminal, error) {
		switch b.lang {
		case "sh":
			return s.start("bash", "-e", filepath.Join(s.folder, s.save(b, "sh")))
		case "js":
			return s.start("node", filepath.Join(s.folder, s.save(b, "mjs")))
		case "graphql":
			return s.subscribe(b.text, nil)
		default:
			return nil, fmt.Errorf("the test cannot leave a block of %q open", b.lang)
		}
	}, ready)
}

// alive says that a terminal has shown something, or that somebody listens who did not before.
func (s *session) alive(ctx context.Context, started terminal, listeners int) bool {
	return started.output() != "" || s.listeners(ctx) > listeners
}

// open opens a terminal in place of the one of that name, and waits until it is ready.
func (s *session) open(ctx context.Context, name string, begin func() (terminal, error), ready func(context.Context, terminal, int) bool) error {
	if old, ok := s.terminals[name]; ok {
		old.stop()
	}
	listeners := s.listeners(ctx)
	started, err := begin()
	if err != nil {
		return err
	}
	s.terminals[name] = started
	if !within(patience, func() bool { return ready(ctx, started, listeners) || started.ended() }) {
		return errors.New("it does not come to work")
	}
	if started.ended() {
		return fmt.Errorf("it ends at once:\n%s", started.output())
	}
	return refused(started.output(), nil)
}

func (s *session) start(name string, args ...string) (*command, error) {
	c := &command{process: exec.Command(name, args...), exited: make(chan struct{})}
	c.process.Dir, c.process.Env, c.process.Stdout, c.process.Stderr = s.stands, s.environ(), c, c
	c.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.process.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process, which close stops
		_ = c.process.Wait()
		close(c.exited)
	}()
	return c, nil
}

// interrupt is Ctrl-C in a terminal.
func (s *session) interrupt(name string) error {
	open, ok := s.terminals[name]
	if !ok {
		return fmt.Errorf("there is no terminal %q", name)
	}
	open.stop()
	return nil
}

var listening = regexp.MustCompile(`(?m)^agentstate_listeners (\d+)`)

// listeners asks the server how many subscriptions there are; 0 while it does not answer.
func (s *session) listeners(ctx context.Context) int {
	_, text, err := get(ctx, "http://"+s.server+"/metrics")
	if err != nil {
		return 0
	}
	found := listening.FindStringSubmatch(text)
	if found == nil {
		return 0
	}
	n, _ := strconv.Atoi(found[1])
	return n
}

// serves asks the server that a block starts whether it lives: the one at the address of the page that the block names, or the first one.
func (s *session) serves(ctx context.Context, b *block) bool {
	addr := s.server
	if second := "127.0.0.1:8081"; strings.Contains(b.text, second) {
		addr = s.here.Replace(second)
	}
	status, _, err := get(ctx, "http://"+addr+"/livez")
	return err == nil && status == http.StatusOK
}

func get(ctx context.Context, url string) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}
