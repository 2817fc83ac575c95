//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// machine is what the results were taken on; no names of hosts or folders are in it.
type machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Node   string `json:"node,omitempty"`
	Redis  string `json:"redis"`
	// Load is how many processes wanted to run before the start, as a sign of what else the machine did.
	Load string `json:"load"`
}

func (b *bench) machine(ctx context.Context, load string) machine {
	m := machine{CPU: "unknown", Cores: runtime.NumCPU(), Go: strings.TrimPrefix(runtime.Version(), "go"), Load: load}
	cpus, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(cpus)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel, _, _ = strings.Cut(strings.TrimSpace(string(release)), "-")
	}
	if b.world.node != "" {
		if version, err := exec.CommandContext(ctx, b.world.node, "--version").Output(); err == nil { //nolint:gosec // it is Node
			m.Node = strings.TrimPrefix(strings.TrimSpace(string(version)), "v")
		}
	}
	if info, err := b.rdb.InfoMap(ctx, "server").Result(); err == nil {
		m.Redis = info["Server"]["redis_version"]
	}
	return m
}

// loadAverage is that of the last minute.
func loadAverage() string {
	raw, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(raw), " ")
	return first
}
