//go:build unix

package docs

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/servertest"
)

var (
	linked  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fenced  = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
)

// TestLinks follows the links between the documents, to their headings too. What is elsewhere is not asked for.
func TestLinks(t *testing.T) {
	for _, file := range documents(t) {
		for _, found := range linked.FindAllStringSubmatch(prose(t, file), -1) {
			target, err := url.Parse(found[1])
			require.NoError(t, err, file)
			if target.Scheme != "" {
				continue
			}
			path := file
			if target.Path != "" {
				path = filepath.Join(filepath.Dir(file), filepath.FromSlash(target.Path))
			}
			if _, err := os.Stat(filepath.Join(servertest.Root(), path)); !assert.NoError(t, err, "%s links to %s", file, found[1]) {
				continue
			}
			if target.Fragment != "" {
				assert.Contains(t, anchors(prose(t, path)), target.Fragment, "%s links to %s", file, found[1])
			}
		}
	}
}

// prose gives a document without its blocks of code.
func prose(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(servertest.Root(), file))
	require.NoError(t, err)
	return fenced.ReplaceAllString(string(text), "")
}

// anchors are the names of a document's headings, as GitHub makes them: in lower case, without punctuation, with hyphens for blanks.
func anchors(text string) []string {
	var names []string
	for _, found := range heading.FindAllStringSubmatch(text, -1) {
		names = append(names, strings.Map(func(r rune) rune {
			switch {
			case r == ' ' || r == '-':
				return '-'
			case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_':
				return unicode.ToLower(r)
			default:
				return -1
			}
		}, found[1]))
	}
	return names
}
