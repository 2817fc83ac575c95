//go:build unix

package redistest

import "syscall"

// Pause keeps the server from running, as if its machine had stalled: connections stay open, and nothing is answered.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets a paused server run on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(signal syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		_ = s.process.cmd.Process.Signal(signal)
	}
}

func (p *process) resume() { _ = p.cmd.Process.Signal(syscall.SIGCONT) }
