//go:build !unix

package redistest

// Pause is for systems with signals.
func (s *Server) Pause() { s.fail("redistest: a process cannot be paused on this system") }

// Resume is for systems with signals.
func (s *Server) Resume() {}

func (p *process) resume() {}
