//go:build unix

package servertest

import (
	"strings"
	"syscall"

	"github.com/stretchr/testify/require"
)

// Goroutines ends the process and gives how many goroutines it had, by the function that each was started with, but for those of the
// runtime. A process tells that only on its way out: on SIGQUIT the runtime prints all stacks.
// https://pkg.go.dev/os/signal#hdr-Default_behavior_of_signals_in_Go_programs
func (s *Server) Goroutines() map[string]int {
	s.tb.Helper()
	s.end(syscall.SIGQUIT)
	_, dump, found := strings.Cut(s.log.whole(), "SIGQUIT: quit")
	require.True(s.tb, found, "%s has printed no goroutines: %s", s.Name, s.log)
	counts := make(map[string]int)
	for stack := range strings.SplitSeq(dump, "\n\n") {
		if strings.HasPrefix(stack, "goroutine ") {
			if name := outermost(stack); !strings.HasPrefix(name, "runtime.") {
				counts[name]++
			}
		}
	}
	s.log.cut(len(dump)) // a failure is read without it
	require.NotEmpty(s.tb, counts, "the stacks of %s are in a form that is not known: %.2000s", s.Name, dump)
	return counts
}

// outermost gives the function at the bottom of a stack. The frames are in pairs of lines, of which the second is indented.
func outermost(stack string) string {
	name := ""
	for line := range strings.Lines(stack) {
		frame, _, _ := strings.Cut(line, "(0x")
		frame, _, _ = strings.Cut(frame, "({")
		switch frame = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(frame), "()")); {
		case strings.HasPrefix(line, "created by "):
			return name
		case strings.HasPrefix(line, "goroutine "), strings.HasPrefix(line, "\t"):
		case frame == "runtime.goexit", strings.HasPrefix(frame, "sync.(*WaitGroup).Go."): // what all have below
		default:
			name = frame
		}
	}
	return name
}
