//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server that is measured, from outside.
type process struct {
	command *exec.Cmd
	addr    string
	// collect is the signal at which it collects its garbage.
	collect os.Signal
	ended   chan struct{}
}

// startPatience is how long a server may take to start: Node takes a second or two on a machine that is busy.
const startPatience = time.Minute

// launch starts a server on a free port, which its environment names as LISTEN_ADDR, and returns when it answers, with the time that this
// took.
func launch(ctx context.Context, command *exec.Cmd, path string) (*process, time.Duration, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, 0, err
	}
	p := &process{command: command, addr: listener.Addr().String(), collect: syscall.SIGUSR1, ended: make(chan struct{})}
	_ = listener.Close()
	command.Env = append(command.Env, "LISTEN_ADDR="+p.addr)
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	start := time.Now()
	if err := command.Start(); err != nil {
		return nil, 0, err
	}
	go func() { // ends with the process
		_ = command.Wait()
		close(p.ended)
	}()
	for time.Since(start) < startPatience {
		if p.answers(ctx, path) {
			return p, time.Since(start), nil
		}
		select {
		case <-ctx.Done():
			p.stop()
			return nil, 0, ctx.Err()
		case <-p.ended:
			return nil, 0, fmt.Errorf("%s has ended at its start: its output says why", command.Path)
		case <-time.After(time.Millisecond):
		}
	}
	p.stop()
	return nil, 0, fmt.Errorf("%s does not start", command.Path)
}

// answers tells whether the server answers at a path; any status will do where it is none of a server's errors.
func (p *process) answers(ctx context.Context, path string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+path, http.NoBody)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode < http.StatusInternalServerError
}

func (p *process) stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(5 * time.Second):
		_ = p.command.Process.Kill()
		<-p.ended
	}
}

// clockTick is the unit of times in /proc, which Linux fixes for programs. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
const clockTick = 10 * time.Millisecond

// cpu gives the time that the process has used, user and system, with the threads that have ended.
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

// collected gives the resident memory in KiB behind collections of garbage: the least that is seen within so many seconds.
func (p *process) collected(seconds int) (int, error) {
	least := 0
	for range seconds {
		if err := p.command.Process.Signal(p.collect); err != nil {
			return 0, err
		}
		time.Sleep(time.Second) // it tells nobody when it is done
		kib, err := p.resident()
		if err != nil {
			return 0, err
		}
		if least == 0 || kib < least {
			least = kib
		}
	}
	return least, nil
}

// resident gives the resident memory in KiB.
func (p *process) resident() (int, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(raw), "VmRSS:")
	if !ok {
		return 0, errors.New("the process has ended")
	}
	return strconv.Atoi(strings.Fields(rest)[0])
}
