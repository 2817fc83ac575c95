// Package nodetest runs tests of Node's own test runner, files *.test.mjs of one folder, as subtests of a Go test.
package nodetest

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience bounds the run of all files of a folder: one that leaves something open would run for ever.
const patience = 4 * time.Minute

//go:embed reporter.mjs
var reporter []byte

// Run runs all files of a folder, with more in their environment. Each of their tests is a subtest of t. Where Node or the packages
// cannot be had, the test is skipped, or fails with AGENTSTATE_NO_SKIP=1.
func Run(t *testing.T, folder string, environ ...string) {
	t.Helper()
	Install(t, folder)
	files, err := filepath.Glob(filepath.Join(folder, "*.test.mjs"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	report := filepath.Join(t.TempDir(), "reporter.mjs")
	require.NoError(t, os.WriteFile(report, reporter, 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	run := exec.CommandContext(ctx, "node", append([]string{"--test", "--test-reporter=" + report}, files...)...) //nolint:gosec // the files are those of the folder
	run.Dir, run.Env, run.Stderr = folder, append(os.Environ(), environ...), t.Output()
	out, err := run.Output()
	passed := subtests(t, out)
	for _, file := range files {
		require.Contains(t, passed, file, "no test of it has passed: %v", err)
	}
	if !t.Failed() {
		require.NoError(t, err)
	}
}

// outcome is a line of reporter.mjs.
type outcome struct{ File, Name, Status, Detail string }

// subtests makes a subtest of each test that Node has run, and gives how many have passed in each file.
func subtests(t *testing.T, out []byte) map[string]int {
	t.Helper()
	passed := make(map[string]int)
	for lines := json.NewDecoder(bytes.NewReader(out)); ; {
		var o outcome
		err := lines.Decode(&o)
		if errors.Is(err, io.EOF) {
			return passed
		}
		require.NoError(t, err, string(out))
		t.Run(o.File+"/"+o.Name, func(t *testing.T) {
			switch o.Status {
			case "pass":
				passed[o.File]++
			case "skip":
				t.Skip(o.Detail)
			default:
				t.Error(o.Detail)
			}
		})
	}
}

// Install makes sure that Node has the packages of a folder, see Run.
func Install(t *testing.T, folder string) {
	t.Helper()
	giveUp := t.Skipf
	if os.Getenv("AGENTSTATE_NO_SKIP") == "1" {
		giveUp = t.Fatalf
	}
	if _, err := exec.LookPath("node"); err != nil {
		giveUp("install Node.js 20 or newer to run these tests: %v", err)
	}
	if _, err := os.Stat(filepath.Join(folder, "node_modules", ".package-lock.json")); err == nil {
		return
	}
	npm := exec.CommandContext(t.Context(), "npm", "ci")
	npm.Dir = folder
	if out, err := npm.CombinedOutput(); err != nil {
		giveUp("`npm ci` in %s must work once to run these tests: %v\n%s", folder, err, out)
	}
}
