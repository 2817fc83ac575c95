//go:build unix

package store

import (
	"errors"
	"os"
	"syscall"
)

// syncFolder writes the entries of a folder to disk, so that a file that was renamed in it is there under its new name after a crash.
// Some file systems, of networks above all, know no such thing: what was written is there all the same.
func syncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // the operator names it
	if err != nil {
		return err
	}
	err = folder.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, folder.Close())
}
