package web

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(content)
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// What is in the binary is what the build wrote down, so that a change of an embedded file shows in a diff of text.
func TestEmbeddedFilesHaveTheirSums(t *testing.T) {
	for _, p := range built {
		want := sums(t, p.folder+"/SHA256SUMS")
		got := map[string]string{}
		entries, err := os.ReadDir(p.folder)
		require.NoError(t, err)
		for _, entry := range entries {
			if name := entry.Name(); name != "SHA256SUMS" {
				got[name] = digest([]byte(read(t, p.folder+"/"+name)))
			}
		}
		assert.Equal(t, want, got, p.folder)
	}
}

// sums reads a file of sums: names, and the SHA-256 of each.
func sums(t *testing.T, name string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for line := range strings.Lines(read(t, name)) {
		sum, file, ok := strings.Cut(strings.TrimSpace(line), "  ")
		require.True(t, ok, line)
		found[file] = sum
	}
	return found
}

// A name that is cached for ever may never stand for two contents.
func TestNamesSayTheContent(t *testing.T) {
	for _, p := range built {
		files := servedBy(t, p)
		bundle := bundleOf(t, files)
		for target, content := range files {
			if isPage(target) {
				continue
			}
			match := named.FindStringSubmatch(target)
			require.NotNil(t, match, target)
			want := digest(content)[:12]
			if p.path == "/" && match[3] == ".js" {
				want = bundle // the scripts of the playground name each other: they have one hash
			}
			assert.Equal(t, want, match[2], target)
		}
	}
}

var named = regexp.MustCompile(`^(?:/threads)?/assets/([a-z0-9-]+)-([0-9a-f]{12})(\.[a-z]+)$`)

// bundleOf is the hash that stands in the names of all scripts, as playground/build.mjs makes it: of their names and contents without it.
func bundleOf(t *testing.T, files map[string][]byte) string {
	t.Helper()
	var sums []string
	for target, content := range files {
		match := named.FindStringSubmatch(target)
		if match == nil || match[3] != ".js" {
			continue
		}
		blank := func(text string) string { return strings.ReplaceAll(text, match[2], "bundlebundle") }
		sums = append(sums, digest([]byte(blank(string(content))))+"  "+blank(path.Base(target))+"\n")
	}
	slices.SortFunc(sums, func(a, b string) int { return strings.Compare(a[66:], b[66:]) })
	return digest([]byte(strings.Join(sums, "")))[:12]
}

// What is written here leads nowhere else; what is bundled, the policy stops, and a browser test looks.
func TestNothingIsLoadedFromElsewhere(t *testing.T) {
	absolute := regexp.MustCompile(`(?i)(?:\b[a-z]+:)?//[a-z0-9_\[][a-z0-9_.\[\]:-]*`)
	require.Equal(t, []string{"https://cdn.example.org", "//cdn.example.org:80"},
		absolute.FindAllString(`src="https://cdn.example.org/x" // why url(//cdn.example.org:80/y) a/b`, -1))
	for name := range sums(t, "playground/dist/SOURCES") {
		found := absolute.FindAllString(read(t, "playground/"+name), -1)
		switch name {
		case "index.html":
			assert.Equal(t, []string{"http://127.0.0.1:8080"}, found, "the example for readers without JavaScript is the only one")
		case "vite.config.ts":
			assert.Equal(t, []string{"http://127.0.0.1:8080"}, found, "the server that `npm run dev` asks")
		default:
			assert.Empty(t, found, name)
		}
	}
	for target, content := range servedBy(t, built[0]) {
		if strings.HasSuffix(target, ".css") {
			assert.NotRegexp(t, `url\((?:[a-z]+:)?//|@import`, string(content), target)
		}
	}
}

func TestPageNeedsNothingInline(t *testing.T) {
	files := servedBy(t, built[0])
	page := string(files["/"])
	scripts := regexp.MustCompile(`<script[^>]*>`).FindAllString(page, -1)
	require.Len(t, scripts, 1)
	assert.Contains(t, scripts[0], ` src="assets/main-`)
	assert.NotRegexp(t, `(?i)<style|\sstyle=|\son[a-z]+=|javascript:`, page)
	assert.Contains(t, page, "<title>agentstate</title>")
	assert.Contains(t, page, "<noscript>")
	for _, name := range regexp.MustCompile(`assets/[\w.-]+`).FindAllString(page, -1) {
		assert.Contains(t, files, "/"+name)
	}
}

// budgetOfPlayground is what a first visit may load, packed: Monaco and its workers are three quarters of it. The browser test counts
// what a visit does load; this is the ceiling of all that could be.
const budgetOfPlayground = 1_750_000

func TestPlaygroundFitsItsBudget(t *testing.T) {
	total := 0
	for target := range servedBy(t, built[0]) {
		total += ask(t, mounted(), http.MethodGet, target, "Accept-Encoding", "gzip").Body.Len()
	}
	assert.Less(t, total, budgetOfPlayground)
	assert.Greater(t, total, 500_000, "there is a page at all")
}

// steps splits the first steps where steps.ts does.
func steps(text string) []string {
	var found []string
	begin := regexp.MustCompile(`^# \d+\. `)
	for line := range strings.Lines(text) {
		switch {
		case begin.MatchString(line):
			found = append(found, line)
		case len(found) > 0:
			found[len(found)-1] += line
		}
	}
	return found
}

func TestFirstStepsAreValid(t *testing.T) {
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: read(t, "../schema.graphqls")})
	require.NoError(t, err)
	var names []string
	for i, step := range steps(read(t, "playground/src/steps.graphql")) {
		assert.True(t, strings.HasPrefix(step, fmt.Sprintf("# %d. ", i+1)), "step %d has another number", i+1)
		document, err := parser.ParseQuery(&ast.Source{Name: "steps.graphql", Input: step})
		require.NoError(t, err)
		assert.Empty(t, validator.ValidateWithRules(schema, document, rules.NewDefaultRules()), step)
		require.Len(t, document.Operations, 1, "a tab is one operation")
		names = append(names, string(document.Operations[0].Operation)+" "+document.Operations[0].Name)
	}
	assert.Equal(t, []string{
		"mutation CreateThread", "mutation AddMessage", "query ReadThread", "subscription FollowMessages", "mutation EditMessage",
		"mutation CleanUp",
	}, names)
}

func TestLicencesAreKept(t *testing.T) {
	text := read(t, "playground/dist/LICENSES.txt")
	for _, name := range []string{
		"graphiql", "react", "react-dom", "graphql", "graphql-ws", "monaco-editor", "monaco-graphql", "@headlessui/react", "prettier",
		"picomatch-browser", // in a worker alone
	} {
		assert.Regexp(t, `(?m)^`+regexp.QuoteMeta(name)+`$`, text)
	}
	for _, license := range []string{
		"Copyright (c) GraphQL Contributors", "Copyright (c) Meta Platforms, Inc. and affiliates.", "Permission is hereby granted",
		"Microsoft Corporation",
	} {
		assert.Contains(t, text, license)
	}
	for target, content := range servedBy(t, built[0]) {
		if strings.HasPrefix(target, "/assets/licenses-") {
			assert.Equal(t, text, string(content))
		}
	}
}
