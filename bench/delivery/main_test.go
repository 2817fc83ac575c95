//go:build linux

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) == floorRole {
		fail(runFloor())
	}
	os.Exit(m.Run())
}

// The benchmark works, with few listeners. What it measures so is of no meaning.
func TestShortForm(t *testing.T) {
	redistest.Start(t) // or skip
	var table strings.Builder
	require.NoError(t, run(t.Context(), &table, true))
	assert.Len(t, strings.Split(strings.TrimSpace(table.String()), "\n"), 7, table.String())
}
