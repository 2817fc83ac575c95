package web

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pages are the folders of the pages, in the order of built, and what each writes beside what is served.
var pages = []struct {
	folder string
	beside []string
}{
	{"playground", []string{"LICENSES.txt", "SOURCES"}},
	{"inspector", []string{"LICENSES.txt", "SOURCES", "documents.json"}},
}

// Whoever changes a file of a page and forgets `npm run build` would ship the old one. This needs no npm.
func TestPagesAreBuiltFromTheFilesHere(t *testing.T) {
	for _, p := range pages {
		t.Run(p.folder, func(t *testing.T) {
			got := map[string]string{}
			require.NoError(t, filepath.WalkDir(p.folder, func(path string, entry fs.DirEntry, err error) error {
				name := strings.TrimPrefix(filepath.ToSlash(path), p.folder+"/")
				config := name == "index.html" || filepath.Ext(name) == ".ts" && !strings.Contains(name, "/")
				if err == nil && !entry.IsDir() && (strings.HasPrefix(name, "src/") || config) {
					got[name] = digest([]byte(read(t, path)))
				}
				return err
			}))
			assert.Equal(t, sums(t, p.folder+"/dist/SOURCES"), got, "run `npm run build`")
			assert.Greater(t, len(got), 15)
		})
	}
}

// What is committed is what these sources and the pinned packages give. Names say the content, so it is enough to compare those, and
// the page, which has no such name.
func TestPagesBuildTheSame(t *testing.T) {
	giveUp := t.Skipf
	if os.Getenv("AGENTSTATE_NO_SKIP") == "1" {
		giveUp = t.Fatalf
	}
	if _, err := exec.LookPath("node"); err != nil {
		giveUp("install Node.js 20.19 or newer to build the pages: %v", err)
	}
	if _, err := os.Stat("node_modules/.package-lock.json"); err != nil {
		giveUp("run `npm ci` in web to build the pages: %v", err)
	}
	for i, p := range pages {
		t.Run(p.folder, func(t *testing.T) {
			folder := t.TempDir()
			out, err := exec.CommandContext(t.Context(), "node", p.folder+"/build.mjs", folder).CombinedOutput()
			require.NoError(t, err, string(out))
			assert.Equal(t, names(t, p.folder+"/dist"), names(t, folder))
			packed, err := os.ReadFile(filepath.Join(folder, "index.html.gz"))
			require.NoError(t, err)
			assert.Equal(t, string(servedBy(t, built[i])[built[i].path]), string(unpack(t, packed)))
			for _, name := range p.beside {
				assert.Equal(t, read(t, p.folder+"/dist/"+name), read(t, filepath.Join(folder, name)), name)
			}
		})
	}
}
