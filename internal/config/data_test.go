package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestData(t *testing.T) {
	t.Parallel()
	c, err := Load([]string{"REDIS_HOST=r", "REDIS_ADOPT=true", "REDIS_ADOPT_OWNER=ann"})
	require.NoError(t, err)
	assert.Equal(t, Data{Adopt: true, AdoptOwner: "ann"}, c.Data)
	assert.Empty(t, c.Warnings)

	c, err = Load([]string{"EMBEDDED_FILE=threads.ndjson"})
	require.NoError(t, err)
	assert.Equal(t, "threads.ndjson", c.Data.EmbeddedFile)

	for name, c := range map[string]struct {
		environ []string
		want    string
	}{
		"no bool":                {[]string{"REDIS_ADOPT=perhaps"}, "REDIS_ADOPT is"},
		"an owner of two lines":  {[]string{"REDIS_ADOPT_OWNER=a\nb"}, "REDIS_ADOPT_OWNER is"},
		"a file beside a Redis":  {[]string{"EMBEDDED_FILE=f", "REDIS_HOST=r"}, "EMBEDDED_FILE: leave it out"},
		"a file beside a URL":    {[]string{"EMBEDDED_FILE=f", "REDIS_URL=redis://r"}, "EMBEDDED_FILE: leave it out"},
		"a file beside clusters": {[]string{"EMBEDDED_FILE=f", "REDIS_ADDRS=r:1,s:1"}, "EMBEDDED_FILE: leave it out"},
	} {
		_, err := Load(c.environ)
		require.ErrorContains(t, err, c.want, name)
	}
}

// With authentication adopted threads need an owner whom somebody's token names.
func TestAdoptWithoutAnOwnerWarns(t *testing.T) {
	t.Parallel()
	environ := []string{"REDIS_HOST=r", "REDIS_ADOPT=true", "AUTH_MODE=tokens", "AUTH_TOKENS_FILE=f"}
	c, err := Load(environ)
	require.NoError(t, err)
	require.Len(t, c.Warnings, 1)
	assert.Contains(t, c.Warnings[0], "REDIS_ADOPT_OWNER")
	c, err = Load(append(environ, "REDIS_ADOPT_OWNER=ann"))
	require.NoError(t, err)
	assert.Empty(t, c.Warnings)
}
