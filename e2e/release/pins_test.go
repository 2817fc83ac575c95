//go:build unix

package release

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/servertest"
)

// TestModulesArePinned: each module has its checksum. `go mod verify` and every build compare it.
func TestModulesArePinned(t *testing.T) {
	for mod, sum := range map[string]string{"go.mod": "go.sum", "tools.mod": "tools.sum"} {
		sums, err := os.ReadFile(filepath.Join(servertest.Root(), sum))
		require.NoError(t, err)
		for _, m := range requirements(t, mod) {
			assert.Contains(t, string(sums), m.Path+" "+m.Version+"/go.mod h1:", "%s of %s", m.Path, mod)
		}
	}
}

// TestPackagesArePinned: a package.json names exact versions, and the lockfile beside it has the hash of each package, and no host.
func TestPackagesArePinned(t *testing.T) {
	folders := npmFolders(t)
	require.NotEmpty(t, folders)
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			var manifest struct{ Dependencies, DevDependencies map[string]string }
			readJSON(t, filepath.Join(folder, "package.json"), &manifest)
			for _, dependencies := range []map[string]string{manifest.Dependencies, manifest.DevDependencies} {
				for name, version := range dependencies {
					assert.Regexp(t, `^(npm:@?[\w/.-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$`, version, "%s is not pinned", name)
				}
			}
			var lock struct {
				Packages map[string]struct {
					Integrity, Resolved string
					InBundle            bool
				}
			}
			readJSON(t, filepath.Join(folder, "package-lock.json"), &lock)
			require.Greater(t, len(lock.Packages), 1)
			for name, p := range lock.Packages {
				assert.True(t, name == "" || p.InBundle || strings.HasPrefix(p.Integrity, "sha512-"), "%s has no hash", name)
				assert.Empty(t, p.Resolved, "%s comes from a host: hashes pin, hosts change", name)
			}
		})
	}
}

// npmFolders are the folders with a package.json of ours.
func npmFolders(t *testing.T) (folders []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(servertest.Root(), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git") {
			return filepath.SkipDir
		}
		if err == nil && entry.Name() == "package.json" {
			folders = append(folders, filepath.Dir(path))
		}
		return err
	}))
	return folders
}

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, into), file)
}
