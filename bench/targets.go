//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"agentstate/store"
)

// target is a server to measure.
type target struct {
	name string
	// floor says that it takes plain requests, not GraphQL.
	floor bool
	// start makes the command that runs it, on a Redis.
	start func(redis string) *exec.Cmd
	// ready is the path at which it answers when it is ready.
	ready   string
	collect os.Signal

	*process
}

// The names of targets that others refer to.
const (
	ours   = "agentstate"
	splice = "floor, splicing"
	decode = "floor, decoding"
)

// peers are the servers of bench/peers by their names there.
var peers = []struct{ name, file string }{
	{"Mercurius", "mercurius.mjs"},
	{"Yoga", "yoga.mjs"},
	{"Apollo (Express)", "apollo-express.mjs"},
	{"Apollo (Fastify)", "apollo-fastify.mjs"},
}

// world is what the programs to measure are made of.
type world struct {
	root, dir string
	// node is the path of Node, empty to leave the peers out.
	node string
	// profiles is the folder for profiles of agentstate.
	profiles string
}

// build builds agentstate and the floor into dir.
func (w *world) build(ctx context.Context) error {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "agentstate").Output()
	if err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	w.root = strings.TrimSpace(string(root))
	for name, pkg := range map[string]string{"agentstate": "agentstate", "floor": "agentstate/bench/floor"} {
		args := []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(w.dir, name)}
		if name == "agentstate" {
			args = append(args, "-tags", "bench") // with the signal that collects garbage
		}
		command := exec.CommandContext(ctx, "go", append(args, pkg)...) //nolint:gosec // of this very module
		command.Dir = w.root
		command.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w: %s", name, err, out)
		}
	}
	return nil
}

// install makes sure that Node has the packages of the peers.
func (w *world) install(ctx context.Context) error {
	folder := filepath.Join(w.root, "bench", "peers")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", ".package-lock.json")); err == nil {
		return nil
	}
	command := exec.CommandContext(ctx, "npm", "ci")
	command.Dir = folder
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("`npm ci` in bench/peers must work once, or leave the peers out by -peers=false: %w\n%s", err, out)
	}
	return nil
}

// targets are all servers, not started yet: agentstate first, then the floors, then the peers.
func (w *world) targets() []*target {
	all := []*target{w.agentstate()}
	for name, variant := range map[string]string{splice: "splice", decode: "decode"} {
		all = append(all, &target{name: name, floor: true, ready: "/", collect: syscall.SIGUSR1, start: func(redis string) *exec.Cmd {
			command := exec.Command(filepath.Join(w.dir, "floor")) //nolint:gosec // it was just built
			command.Env = []string{"REDIS_ADDR=" + redis, "FLOOR=" + variant}
			return command
		}})
	}
	slices.SortFunc(all[1:], func(a, b *target) int { return strings.Compare(b.name, a.name) })
	if w.node == "" {
		return all
	}
	layout := store.BlueprintOf("thread")
	for _, peer := range peers {
		all = append(all, &target{name: peer.name, ready: "/ready", collect: syscall.SIGUSR2, start: func(redis string) *exec.Cmd {
			command := exec.Command(w.node, "--expose-gc", filepath.Join(w.root, "bench", "peers", peer.file)) //nolint:gosec // it is ours
			command.Env = []string{
				"NODE_ENV=production", "REDIS_ADDR=" + redis, "BUCKETS=" + strings.Join(layout.Buckets, " "),
				"RECORD_FIELDS=" + strings.Join(layout.RecordFields, " "), fmt.Sprintf("PEEK=%d", layout.Peek),
			}
			return command
		}})
	}
	return all
}

func (w *world) agentstate() *target {
	return &target{name: ours, ready: "/readyz", collect: syscall.SIGUSR1, start: func(redis string) *exec.Cmd {
		host, port, _ := net.SplitHostPort(redis)
		command := exec.Command(filepath.Join(w.dir, "agentstate")) //nolint:gosec // it was just built
		command.Env = []string{
			"LOG_LEVEL=warn", "REDIS_HOST=" + host, "REDIS_PORT=" + port, fmt.Sprintf("MAX_THREAD_MESSAGES=%d", mostMessages),
			"BENCH_PROFILES=" + w.profiles, "MAX_CONNECTIONS_PER_CALLER=0",
		}
		return command
	}}
}

// run starts the target on a Redis.
func (t *target) run(ctx context.Context, redis string) (took time.Duration, err error) {
	t.process, took, err = launch(ctx, t.start(redis), t.ready)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", t.name, err)
	}
	t.process.collect = t.collect
	return took, nil
}

func stopAll(targets []*target) {
	for _, t := range targets {
		if t.process != nil {
			t.stop()
			t.process = nil
		}
	}
}

// findNode gives the path of Node: that of the variable BENCH_NODE, or the one that is installed.
func findNode() (string, error) {
	if path := os.Getenv("BENCH_NODE"); path != "" {
		return path, nil
	}
	path, err := exec.LookPath("node")
	if err != nil {
		return "", errors.New("install Node.js 20 or newer for the peers, or leave them out by -peers=false")
	}
	return path, nil
}
