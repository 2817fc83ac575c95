//go:build unix

package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/nodetest"
	"agentstate/internal/servertest"
)

var expected = regexp.MustCompile(`^<!-- the last block fails with: (.+) -->`)

// TestAWrongBlockFails reads small documents, of each kind of block one: all that is in them works, and the last block does not.
func TestAWrongBlockFails(t *testing.T) {
	requirePrograms(t)
	nodetest.Install(t, ".")
	binary := servertest.Build(t)
	files, err := filepath.Glob(filepath.Join("testdata", "*.md"))
	require.NoError(t, err)
	seen := make(map[string]bool)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		want := expected.FindSubmatch(text)
		require.NotNil(t, want, file)
		d, err := extract(file, string(text))
		require.NoError(t, err)
		for _, b := range d.blocks {
			seen[b.lang] = true
		}
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			s := prepare(t, binary, d)
			s.shown = 5 * time.Second // what is not shown is waited for
			for i, b := range d.blocks {
				err := s.run(t.Context(), b, d.blocks[i+1:])
				if i+1 == len(d.blocks) {
					require.ErrorContains(t, err, string(want[1]), b.place())
				} else {
					require.NoError(t, err, b.place())
				}
			}
			assert.Empty(t, s.unused)
		})
	}
	for lang := range runners {
		if lang != "mjs" && lang != "tsx" { // other names of what is there
			assert.True(t, seen[lang], "a document with a wrong block of %s", lang)
		}
	}
}

func TestExtract(t *testing.T) {
	const page = "# Title\n\n<!-- run in: .. -->\n<!-- note: nothing -->\n\ntext\n\n1. A step\n\n   <!-- terminal: one -->\n   ```sh\n   a\n     b\n   ```\n\n   ```json\n   {}\n   ```\n" +
		"text\n````text\n```\n````\n<!-- answer -->\n"
	d, err := extract("a.md", page+"```text\nc\n```\n")
	require.NoError(t, err)
	assert.Equal(t, "..", d.folder)
	want := []*block{
		{file: "a.md", line: 11, lang: "sh", text: "a\n  b\n", directives: map[string]string{"terminal": "one"}},
		{file: "a.md", line: 16, lang: "json", text: "{}\n", follows: true, directives: map[string]string{}},
		{file: "a.md", line: 20, lang: "text", text: "```\n", directives: map[string]string{}},
		{file: "a.md", line: 24, lang: "text", text: "c\n", follows: true, directives: map[string]string{"answer": ""}},
	}
	assert.Equal(t, want, d.blocks)
}

func TestWrongMarkdownIsToldWithItsLine(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a block that is not closed":              {"\n```sh\na\n", "a.md:2: the block is not closed"},
		"a directive ahead of text":               {"<!-- file: a -->\ntext\n```sh\n```\n", "a.md:1: the directive belongs to no block"},
		"a directive at the end":                  {"```sh\n```\n<!-- file: a -->\n", "a.md:3: the directive belongs to no block"},
		"a misspelt directive between two blocks": {"```sh\n```\n<!-- shws: a -->\n```text\n```\n", `a.md:3: the test knows no directive "shws"`},
		"a misspelt directive ahead of a block":   {"text\n<!-- shws: a -->\n```text\n```\n", `a.md:2: the test knows no directive "shws"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := extract("a.md", c.text)
			require.EqualError(t, err, c.want)
		})
	}
}
