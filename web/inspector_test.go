package web

import (
	"encoding/json"
	"net/http"
	"os"
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

// budget is what a browser may have to load for the inspector, packed.
const budget = 250_000

func TestInspectorFitsItsBudget(t *testing.T) {
	total := 0
	for target := range servedBy(t, built[1]) {
		if !strings.Contains(target, "/licenses-") { // which nobody loads who does not ask for it
			total += ask(t, mounted(), http.MethodGet, target, "Accept-Encoding", "gzip").Body.Len()
		}
	}
	assert.Less(t, total, budget)
	assert.Greater(t, total, 50_000, "there is a page at all")
}

func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	var found []string
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	return found
}

func TestInspectorLoadsNothingInlineOrFromElsewhere(t *testing.T) {
	page := string(servedBy(t, built[1])["/threads"])
	scripts := regexp.MustCompile(`<script[^>]*>`).FindAllString(page, -1)
	require.Len(t, scripts, 1)
	assert.Contains(t, scripts[0], ` src="threads/assets/inspector-`)
	assert.NotRegexp(t, `(?i)<style|\sstyle=|\son[a-z]+=|javascript:`, page)
	assert.NotRegexp(t, `(?:src|href)="(?:[a-z]+:)?//`, page)
	assert.Contains(t, page, "<noscript>")

	policy := ask(t, mounted(), http.MethodGet, "/threads").Header().Get("Content-Security-Policy")
	assert.Contains(t, policy, "style-src 'self';")
	assert.Contains(t, policy, "require-trusted-types-for 'script'; trusted-types dompurify")
	assert.NotContains(t, policy, "unsafe")
}

// The page's operations are an example for other clients, so all of them must be good ones.
func TestOperationsOfTheInspectorAreValid(t *testing.T) {
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: read(t, "../schema.graphqls")})
	require.NoError(t, err)
	document, err := parser.ParseQuery(&ast.Source{Name: "operations.graphql", Input: read(t, "inspector/src/operations.graphql")})
	require.NoError(t, err)
	assert.Empty(t, validator.ValidateWithRules(schema, document, rules.NewDefaultRules()))

	var manifest struct {
		Format     string
		Operations []struct{ ID, Name, Type, Body string }
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, "inspector/dist/documents.json")), &manifest))
	assert.Equal(t, "apollo-persisted-query-manifest", manifest.Format)
	require.Len(t, manifest.Operations, len(document.Operations))
	for _, operation := range manifest.Operations {
		assert.Equal(t, digest([]byte(operation.Body)), operation.ID, operation.Name)
		alone, err := parser.ParseQuery(&ast.Source{Name: operation.Name, Input: operation.Body})
		require.NoError(t, err, operation.Name)
		require.Len(t, alone.Operations, 1, operation.Name)
		assert.Equal(t, operation.Name, alone.Operations[0].Name)
		assert.Empty(t, validator.ValidateWithRules(schema, alone, rules.NewDefaultRules()), operation.Name)
	}
}

func TestLicencesOfTheInspectorAreKept(t *testing.T) {
	text := read(t, "inspector/dist/LICENSES.txt")
	for _, name := range []string{"preact", "@preact/signals", "@tanstack/virtual-core", "dompurify", "graphql-ws", "highlight.js", "marked"} {
		assert.Regexp(t, `(?m)^`+regexp.QuoteMeta(name)+`$`, text)
	}
	assert.Equal(t, text, string(servedBy(t, built[1])["/threads/assets/"+licencesName(t)]))
}

func licencesName(t *testing.T) string {
	t.Helper()
	for _, name := range names(t, "inspector/dist") {
		if strings.HasPrefix(name, "licenses-") {
			return strings.TrimSuffix(name, ".gz")
		}
	}
	t.Fatal("no licences")
	return ""
}
