//go:build unix

package store

import (
	"errors"
	"os"
)

// syncFolder writes the entries of a folder to disk, so that a file that was renamed in it is there under its new name after a crash.
func syncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // the operator names it
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
