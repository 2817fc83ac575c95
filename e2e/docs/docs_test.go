//go:build unix

// Package docs runs every block of code of the project's documents on the real binary and a real Redis, as a reader would: those of one
// document one after the other, in one folder and against one server. What a block prints is compared with what the document shows of it.
package docs

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/nodetest"
	"agentstate/internal/servertest"
)

// notRun are the reasons for which blocks may stay unrun, and how many have each.
var notRun = map[string]int{
	"a diagram":                        2,
	"needs another machine":            1,
	"it is this test, with all others": 1,
	"needs langchain-core for Python":  1,
}

func TestDocs(t *testing.T) {
	requirePrograms(t)
	nodetest.Install(t, ".")
	link(t, "agentstate-langchain", filepath.Join("..", "..", "clients", "langchain-js"))
	binary := servertest.Build(t)
	reasons := make(map[string]int)
	t.Run("documents", func(t *testing.T) {
		for _, file := range documents(t) {
			text, err := os.ReadFile(filepath.Join(servertest.Root(), file))
			require.NoError(t, err)
			d, err := extract(file, string(text))
			require.NoError(t, err)
			for _, b := range d.blocks {
				if reason, ok := b.directives["not run"]; ok {
					reasons[reason]++
				}
			}
			t.Run(file, func(t *testing.T) {
				t.Parallel()
				read(t, binary, d)
			})
		}
	})
	assert.Equal(t, notRun, reasons, "blocks that are not run, by their reasons")
}

// link has the documents import a package of this repository by its name, as after `npm install` of its folder.
func link(t *testing.T, name, folder string) {
	t.Helper()
	nodetest.Install(t, folder)
	if err := os.Symlink(filepath.Join("..", folder), filepath.Join("node_modules", name)); !errors.Is(err, fs.ErrExist) {
		require.NoError(t, err)
	}
}

// requirePrograms looks for what the blocks call beside Node, Go and Redis.
func requirePrograms(t *testing.T) {
	t.Helper()
	for _, program := range []string{"bash", "curl", "openssl", "python3", "redis-cli", "sha256sum"} {
		_, err := exec.LookPath(program)
		if err != nil && os.Getenv("AGENTSTATE_NO_SKIP") != "1" {
			t.Skipf("install %s to run the documents", program)
		}
		require.NoError(t, err)
	}
}

// documents are the project's files of Markdown, by their paths from its root.
func documents(tb testing.TB) []string {
	tb.Helper()
	var files []string
	require.NoError(tb, filepath.WalkDir(servertest.Root(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == servertest.Root() {
			return err
		}
		name := entry.Name()
		switch {
		case entry.IsDir() && (name == "node_modules" || name == "testdata" || name == "dist" || strings.HasPrefix(name, ".")):
			return filepath.SkipDir
		case strings.HasSuffix(name, ".md"):
			path, err = filepath.Rel(servertest.Root(), path)
			files = append(files, path)
		}
		return err
	}))
	return files
}

// read goes through a document; each block is a subtest.
func read(t *testing.T, binary string, d *document) {
	t.Helper()
	if len(d.blocks) == 0 {
		return
	}
	s := prepare(t, binary, d)
	for i, b := range d.blocks {
		t.Run(b.place(), func(t *testing.T) { require.NoError(t, s.run(t.Context(), b, d.blocks[i+1:])) })
	}
	for name := range maps.Keys(s.unused) {
		t.Errorf("%s: no block uses the file %s", s.unused[name].place(), name)
	}
}
