//go:build unix

// Package release tests what is handed out: the binary as `make build` makes it, what it is made of, and under which licences.
package release

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/servertest"
)

const version = "v9.8.7-test"

func TestTheBinary(t *testing.T) {
	binary := makeBuild(t)
	t.Run("tells its version", func(t *testing.T) { tellsItsVersion(t, binary) })
	t.Run("tells nothing of where it was made", func(t *testing.T) { tellsNoPlace(t, binary) })
}

func tellsItsVersion(t *testing.T, binary string) {
	t.Helper()
	out, err := exec.Command(binary, "--version").Output()
	require.NoError(t, err)
	assert.Equal(t, "agentstate "+version+"\n", string(out))

	s := servertest.Start(t, "the binary of make build", binary, "LOG_LEVEL=warn")
	var got struct{ Health struct{ Version string } }
	s.Client.Must(t, `{ health { version } }`, nil, &got)
	assert.Equal(t, version, got.Health.Version)
	var health struct{ Version string }
	require.NoError(t, json.Unmarshal([]byte(s.Client.Send(t, "GET", "/health", "").Body), &health))
	assert.Equal(t, version, health.Version)
}

// With -trimpath the names of modules stand in place of the folders of the machine, so that the same source gives the same binary
// everywhere.
func tellsNoPlace(t *testing.T, binary string) {
	t.Helper()
	info, err := buildinfo.ReadFile(binary)
	require.NoError(t, err)
	settings := make(map[string]string)
	for _, setting := range info.Settings {
		settings[setting.Key] = setting.Value
	}
	assert.Equal(t, "true", settings["-trimpath"])
	assert.Equal(t, "0", settings["CGO_ENABLED"])
	content, err := os.ReadFile(binary)
	require.NoError(t, err)
	root, err := filepath.Abs(servertest.Root())
	require.NoError(t, err)
	assert.False(t, bytes.Contains(content, []byte(root)), "it names %s", root)
}

// makeBuild runs `make build` for a binary in a folder of the test.
func makeBuild(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "agentstate")
	command := exec.Command("make", "--no-print-directory", "build", "VERSION="+version, "OUT="+binary)
	command.Dir = servertest.Root()
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))
	return binary
}
