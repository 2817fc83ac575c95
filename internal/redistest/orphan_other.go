//go:build !linux

package redistest

import "syscall"

// withParent can do nothing where the kernel does not tell: a test program that is killed leaves its servers behind.
func withParent() *syscall.SysProcAttr { return nil }
