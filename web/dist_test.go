package web

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path"
	"regexp"
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

// ownFiles are the files of this folder that a browser gets, and that can therefore ask for something.
var ownFiles = []string{"index.html", "playground.js", "playground.css", "tour.graphql"}

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
	named := regexp.MustCompile(`^(?:/threads)?/assets/[a-z-]+-([0-9a-f]{12})\.[a-z]+$`)
	for target, content := range served(t) {
		if isPage(target) {
			continue
		}
		match := named.FindStringSubmatch(target)
		if assert.NotNil(t, match, target) {
			assert.Equal(t, digest(content)[:12], match[1], target)
		}
	}
}

// Whoever changes a file here and forgets `npm run build` would ship the old one.
func TestDistIsBuiltFromTheFilesHere(t *testing.T) {
	files := servedBy(t, built[0])
	byPlainName := map[string]string{}
	hash := regexp.MustCompile(`-[0-9a-f]{12}(\.[a-z]+)$`)
	for target := range files {
		byPlainName[hash.ReplaceAllString(path.Base(target), "$1")] = target
	}
	for _, name := range []string{"playground.js", "playground.css", "tour.graphql", "icon.svg"} {
		assert.Equal(t, read(t, name), string(files[byPlainName[name]]), "%s: run `npm run build`", name)
	}
	assert.Equal(t, read(t, "dist/LICENSES.txt"), string(files[byPlainName["licenses.txt"]]))

	page := regexp.MustCompile(`\bassets/[\w.-]+`).ReplaceAllStringFunc(read(t, "index.html"), func(name string) string {
		target, ok := byPlainName[path.Base(name)]
		require.True(t, ok, "index.html wants %s", name)
		return strings.TrimPrefix(target, "/")
	})
	assert.Equal(t, page, string(files["/"]), "index.html: run `npm run build`")
	for name, target := range byPlainName {
		if target != "/" {
			assert.Contains(t, page, strings.TrimPrefix(target, "/"), "%s is embedded and not used", name)
		}
	}
}

// The bundle of GraphiQL is pinned by its hash; of what is written here, this test knows where it could lead.
func TestNothingIsLoadedFromElsewhere(t *testing.T) {
	absolute := regexp.MustCompile(`(?i)(?:\b[a-z]+:)?//[a-z0-9_\[][a-z0-9_.\[\]:-]*`)
	require.Equal(t, []string{"https://cdn.example.org", "//cdn.example.org:80"},
		absolute.FindAllString(`src="https://cdn.example.org/x" // why url(//cdn.example.org:80/y) a/b`, -1))
	for _, name := range ownFiles {
		found := absolute.FindAllString(read(t, name), -1)
		if name == "index.html" {
			assert.Equal(t, []string{"http://127.0.0.1:8080"}, found, "the example for readers without JavaScript is the only one")
			continue
		}
		assert.Empty(t, found, name)
	}
}

func TestPageNeedsNothingInline(t *testing.T) {
	page := read(t, "index.html")
	scripts := regexp.MustCompile(`<script[^>]*>`).FindAllString(page, -1)
	assert.Len(t, scripts, 4)
	for _, script := range scripts {
		assert.Contains(t, script, ` src="assets/`)
	}
	assert.NotRegexp(t, `(?i)<style|\sstyle=|\son[a-z]+=|javascript:`, page)
	assert.Contains(t, page, "<title>agentstate</title>")
	assert.Contains(t, page, "<noscript>")
}

// steps splits the tour where playground.js does.
func steps(tour string) []string {
	var found []string
	begin := regexp.MustCompile(`^# \d+\. `)
	for line := range strings.Lines(tour) {
		switch {
		case begin.MatchString(line):
			found = append(found, line)
		case len(found) > 0:
			found[len(found)-1] += line
		}
	}
	return found
}

func TestTourIsValid(t *testing.T) {
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: read(t, "../schema.graphqls")})
	require.NoError(t, err)
	var names []string
	for i, step := range steps(read(t, "tour.graphql")) {
		assert.True(t, strings.HasPrefix(step, fmt.Sprintf("# %d. ", i+1)), "step %d has another number", i+1)
		document, err := parser.ParseQuery(&ast.Source{Name: "tour.graphql", Input: step})
		require.NoError(t, err)
		assert.Empty(t, validator.ValidateWithRules(schema, document, rules.NewDefaultRules()), step)
		require.Len(t, document.Operations, 1, "a tab is one operation")
		names = append(names, string(document.Operations[0].Operation)+" "+document.Operations[0].Name)
	}
	assert.Equal(t, []string{
		"mutation CreateThread", "mutation AddMessage", "query ReadThread", "subscription FollowMessages", "mutation CleanupDryRun",
	}, names)
}

func TestLicencesAreKept(t *testing.T) {
	text := read(t, "dist/LICENSES.txt")
	for _, name := range []string{
		"graphiql", "react", "react-dom", "graphql", "graphql-ws", "codemirror", "@headlessui/react", "font-fira-code", "font-roboto",
	} {
		assert.Regexp(t, `(?m)^`+regexp.QuoteMeta(name)+`$`, text)
	}
	for _, license := range []string{
		"Copyright (c) GraphQL Contributors", "Copyright (c) Facebook, Inc. and its affiliates.", "Permission is hereby granted",
		"Apache License", "SIL OPEN FONT LICENSE",
	} {
		assert.Contains(t, text, license)
	}
}
