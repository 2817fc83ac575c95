//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"agentstate/internal/redistest"
)

// bench is what all scenarios run on.
type bench struct {
	dir    string
	redis  *redistest.Server
	proxy  *proxy
	server *process // behind the proxy
	other  *process // straight on Redis
	floor  *process
}

func newBench(ctx context.Context) (*bench, error) {
	dir, err := os.MkdirTemp("", "agentstate-bench")
	if err != nil {
		return nil, err
	}
	b := &bench{dir: dir}
	if err := b.start(ctx); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) start(ctx context.Context) (err error) {
	binary := filepath.Join(b.dir, "agentstate")
	build := exec.CommandContext(ctx, "go", "build", "-tags", "bench", "-trimpath", "-ldflags", "-s -w", "-o", binary, "agentstate") //nolint:gosec // of this very module
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w: %s", err, out)
	}
	if b.redis, err = redistest.Launch(); err != nil {
		return err
	}
	if b.proxy, err = newProxy(b.redis.Addr()); err != nil {
		return err
	}
	if b.server, err = b.startServer(ctx, binary, b.proxy.listener.Addr().String()); err != nil {
		return err
	}
	if b.other, err = b.startServer(ctx, binary, b.redis.Addr()); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b.floor, err = startProcess(ctx, b.inRole(self))
	return err
}

// inRole is this very program as the floor.
func (b *bench) inRole(self string) *exec.Cmd {
	command := exec.Command(self)
	command.Env = []string{roleVariable + "=" + floorRole}
	return command
}

func (b *bench) startServer(ctx context.Context, binary, redis string) (*process, error) {
	host, port, err := net.SplitHostPort(redis)
	if err != nil {
		return nil, err
	}
	command := exec.Command(binary)
	command.Env = []string{"LOG_LEVEL=warn", "MAX_CONNECTIONS_PER_CALLER=0", "REDIS_HOST=" + host, "REDIS_PORT=" + port}
	return startProcess(ctx, command)
}

func (b *bench) close() {
	for _, p := range []*process{b.server, b.other, b.floor} {
		if p != nil {
			p.stop()
		}
	}
	if b.proxy != nil {
		b.proxy.close()
	}
	if b.redis != nil {
		b.redis.Close()
	}
	_ = os.RemoveAll(b.dir)
}

// process is a server that is measured: agentstate, or the floor.
type process struct {
	command *exec.Cmd
	addr    string
	ids     int
}

// startProcess starts a server on a free port, which its environment names, and returns when it listens.
func startProcess(ctx context.Context, command *exec.Cmd) (*process, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &process{command: command, addr: listener.Addr().String()}
	_ = listener.Close()
	command.Env = append(command.Env, "LISTEN_ADDR="+p.addr)
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		return nil, err
	}
	for range 500 {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.addr)
		if err == nil {
			return p, conn.Close()
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil, errors.New("a server does not start")
}

func (p *process) stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	_ = p.command.Wait()
}

// warm lets the process use what it uses once: its connections to Redis above all, as many as listeners come at once.
func (b *bench) warm(ctx context.Context, p *process) error {
	crowd, err := b.listen(ctx, p, 4*opensAtOnce, func(int) string { return "warm" })
	if err != nil {
		return err
	}
	crowd.close()
	for range 200 {
		if _, err := p.publish(ctx, "warm"); err != nil {
			return err
		}
	}
	return nil
}

const createAndAdd = `mutation($id: ID!, $m: ID!, $c: JSON!) { addMessage(input: {threadId: $id, createIfMissing: true,
	message: {messageId: $m, type: AI, content: $c}}) { message { seq } } }`

// text is the content of the messages: of an ordinary length.
var text = strings.Repeat("All work and no play. ", 9)

// publish adds a message to a thread, and gives its number.
func (p *process) publish(ctx context.Context, thread string) (seq int64, err error) {
	p.ids++
	body, err := json.Marshal(map[string]any{
		"query": createAndAdd, "variables": map[string]any{"id": thread, "m": fmt.Sprintf("%p %d", p, p.ids), "c": text},
	})
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.addr+"/graphql", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	answer, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || bytes.Contains(answer, []byte(`"errors"`))) {
		err = fmt.Errorf("publish: %s", answer)
	}
	return seqOf(answer), err
}

// seqOf gives the number of the message in a text.
func seqOf(text []byte) int64 {
	_, rest, _ := bytes.Cut(text, []byte(`"seq":`))
	seq, _ := strconv.ParseInt(string(rest[:max(0, bytes.IndexAny(rest, ",}"))]), 10, 64)
	return seq
}

// clockTick is the unit of times in /proc, which Linux fixes for programs. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
const clockTick = 10 * time.Millisecond

// cpu gives the time that the process has used, user and system.
func (p *process) cpu() (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * clockTick, errors.Join(err1, err2)
}

// memory gives the resident memory in KiB, behind a collection of garbage.
func (p *process) memory() (int, error) {
	if err := p.command.Process.Signal(syscall.SIGUSR1); err != nil {
		return 0, err
	}
	time.Sleep(2 * time.Second)
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(raw), "VmRSS:")
	return strconv.Atoi(strings.Fields(rest)[0])
}

// proxy passes connections to Redis on, or lets none be.
type proxy struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu      sync.Mutex
	blocked bool
	conns   map[net.Conn]struct{}
}

func newProxy(target string) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: listener, target: target, conns: make(map[net.Conn]struct{})}
	p.running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() { p.serve(client) })
		}
	})
	return p, nil
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close() //nolint:errcheck // it may have been closed
	p.mu.Lock()
	blocked := p.blocked
	p.mu.Unlock()
	if blocked {
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // as above
	p.mu.Lock()
	p.conns[client], p.conns[server] = struct{}{}, struct{}{}
	p.mu.Unlock()
	p.running.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	})
	_, _ = io.Copy(client, server)
	p.mu.Lock()
	delete(p.conns, client)
	delete(p.conns, server)
	p.mu.Unlock()
}

// block cuts all connections and lets none be made, or lets them be made again.
func (p *proxy) block(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.blocked = on; on {
		for conn := range p.conns {
			_ = conn.Close()
		}
	}
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.block(true)
	p.running.Wait()
}
