//go:build bench

package main

import (
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// In a build for benchmarks SIGUSR1 collects garbage and gives what is free back to the system, so that the memory of the process
// is what it needs.
func init() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	go func() { // lives as long as the process
		for range signals {
			for range 5 { // each halves the stacks that are too large
				debug.FreeOSMemory()
			}
		}
	}()
}
