//go:build unix

package release

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/servertest"
)

// permissive are the licences under which code may be built into the binary, by their SPDX names. None of them says anything about
// the code around it.
var permissive = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "ISC", "MIT", "Unlicense"}

// exceptions are packages under another licence, with the reason why they may stay.
var exceptions = map[string]string{
	// Its terms hold for its own files, which gqlgen brings and nobody here changes.
	"github.com/hashicorp/golang-lru/v2": "MPL-2.0",
}

// TestLicences compares docs/licences.csv, which `make licences` writes, with go.mod: a new dependency must be looked at, and one that
// is gone must go.
func TestLicences(t *testing.T) {
	packages := licences(t)
	modules := requirements(t, "go.mod")
	used := make(map[string]bool)
	for _, m := range modules {
		found := false
		for name := range packages {
			if name == m.Path || strings.HasPrefix(name, m.Path+"/") {
				found, used[name] = true, true
			}
		}
		assert.True(t, found, "%s has no licence in docs/licences.csv: run `make licences`, and look at what it says", m.Path)
	}
	for name, parts := range packages {
		assert.True(t, used[name], "%s is in docs/licences.csv and in no module of go.mod: run `make licences`", name)
		for _, licence := range parts {
			if exceptions[name] != licence {
				assert.Contains(t, permissive, licence, "%s may not be used under this licence", name)
			}
		}
	}
}

// licences reads docs/licences.csv: the licences of each package, of which parts may have others.
func licences(t *testing.T) map[string][]string {
	t.Helper()
	file, err := os.Open(filepath.Join(servertest.Root(), "docs", "licences.csv"))
	require.NoError(t, err)
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"package", "licence"}, rows[0])
	require.True(t, slices.IsSortedFunc(rows[1:], func(a, b []string) int { return strings.Compare(a[0], b[0]) }))
	found := make(map[string][]string)
	for _, row := range rows[1:] {
		require.NotContains(t, found[row[0]], row[1])
		found[row[0]] = append(found[row[0]], row[1])
	}
	return found
}

type requirement struct{ Path, Version string }

// requirements gives what a module file requires, which must replace nothing.
func requirements(t *testing.T, file string) []requirement {
	t.Helper()
	command := exec.Command("go", "mod", "edit", "-json", file)
	command.Dir = servertest.Root()
	out, err := command.Output()
	require.NoError(t, err)
	var mod struct {
		Require []requirement
		Replace []json.RawMessage
	}
	require.NoError(t, json.Unmarshal(out, &mod))
	require.NotEmpty(t, mod.Require)
	assert.Empty(t, mod.Replace, "%s replaces a module: its checksum then says nothing of what was reviewed", file)
	return mod.Require
}
