package redistest

import "syscall"

// withParent lets a server end with the test program even if that is killed, or ends by a panic or a timeout, and so without its
// cleanups. The kernel watches the thread that started the server; Go ends threads only where a goroutine locked to one
// returns. https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
func withParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
