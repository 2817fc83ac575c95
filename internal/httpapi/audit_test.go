package httpapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// audits is how many audits graphql-http 1.23.1 has, by the word of the specification that they hold to: MUST, SHOULD and
// MAY together.
const audits = 61

// TestAuditsOfGraphQLOverHTTP has npm's graphql-http, the reference implementation, check the edge. It needs node, and npm
// once.
func TestAuditsOfGraphQLOverHTTP(t *testing.T) {
	folder := filepath.Join("testdata", "audit")
	installAudits(t, folder)
	s := newServer(t)

	run := exec.CommandContext(t.Context(), "node", "audit.mjs", s.URL+"/graphql")
	run.Dir, run.Stderr = folder, t.Output()
	out, err := run.Output()
	require.NoError(t, err)

	count := 0
	for lines := json.NewDecoder(bytes.NewReader(out)); ; count++ {
		var audit struct{ ID, Name, Status, Reason string }
		err := lines.Decode(&audit)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		assert.Equal(t, "ok", audit.Status, "%s %s: %s", audit.ID, audit.Name, audit.Reason)
	}
	assert.Equal(t, audits, count)
}

// installAudits makes sure that node has what the audits need. Where that cannot be had the test is skipped, or fails if
// CI_NO_SKIP=1.
func installAudits(t *testing.T, folder string) {
	t.Helper()
	giveUp := t.Skipf
	if os.Getenv("CI_NO_SKIP") == "1" {
		giveUp = t.Fatalf
	}
	if _, err := exec.LookPath("node"); err != nil {
		giveUp("install Node.js to run the audits of GraphQL over HTTP: %v", err)
	}
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "graphql-http", "package.json")); err == nil {
		return
	}
	npm := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund")
	npm.Dir = folder
	if out, err := npm.CombinedOutput(); err != nil {
		giveUp("`npm ci` in %s must work once to run the audits of GraphQL over HTTP: %v\n%s", folder, err, out)
	}
}
