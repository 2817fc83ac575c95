//go:build bench

package main

import (
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

// In a build for benchmarks SIGUSR2 starts a CPU profile, and ends the one that runs: in the files 1.pprof, 2.pprof, … of the folder
// BENCH_PROFILES. There is no door to it in other builds.
func init() {
	folder := os.Getenv("BENCH_PROFILES")
	if folder == "" {
		return
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR2)
	go func() { // lives as long as the process
		for n := 1; ; n++ {
			<-signals
			if err := profile(fmt.Sprintf("%s/%d.pprof", folder, n), signals); err != nil {
				slog.Error("no profile", "error", err)
			}
		}
	}()
}

// profile writes a profile until the next signal.
func profile(path string, until <-chan os.Signal) error {
	file, err := os.Create(path) //nolint:gosec // whoever starts the process names it
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	<-until
	pprof.StopCPUProfile()
	return file.Close()
}
