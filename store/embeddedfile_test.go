package store

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// kept are the options of an embedded store with a file.
func kept(path string) Options {
	o := DefaultOptions()
	o.EmbeddedFile, o.LayoutInterval = path, 0
	o.Log = slog.New(slog.DiscardHandler)
	return o
}

func TestEmbeddedFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "threads.ndjson")
	s, err := Open(kept(path))
	require.NoError(t, err)
	varied(t, s)
	mustCreate(t, s.For(""), "soon gone")
	lapse(t, s.For(""), "soon gone")
	want := mustGet(t, s.For("bob"), "edited")
	require.NoError(t, s.Close())

	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, err = os.Stat(path + ".new")
	require.ErrorIs(t, err, os.ErrNotExist)

	s, err = Open(kept(path))
	require.NoError(t, err)
	assert.Equal(t, []string{keptWarning}, s.Health(t.Context()).Warnings)
	got := mustGet(t, s.For("bob"), "edited")
	assert.Equal(t, want, got, "the expiry is the same instant")
	n, err := s.For("").Count(t.Context(), Filter{})
	require.NoError(t, err)
	assert.Equal(t, 31, n)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)))
	_, err = s.For("").IDs(t.Context(), "*", Range{First: 5})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	info, err = os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, time.Unix(1, 0), info.ModTime(), "nothing was written, so nothing is saved")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, after)
}

// While it runs, what is written is saved now and then.
func TestEmbeddedFileIsSaved(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "threads.ndjson")
	s := openWith(t, kept(""))
	v, err := startSaver(s, path, 5*time.Millisecond)
	require.NoError(t, err)
	for _, text := range []string{"first", "second"} {
		mustAppend(t, s.For(""), "one", say(text, text))
		require.Eventually(t, func() bool {
			saved, _ := os.ReadFile(path)
			return strings.Contains(string(saved), `"content":"`+text+`"`)
		}, 20*time.Second, 5*time.Millisecond)
	}
	require.NoError(t, s.For("").Delete(t.Context(), "one", nil))
	require.Eventually(t, func() bool {
		saved, _ := os.ReadFile(path)
		return !strings.Contains(string(saved), "one")
	}, 20*time.Second, 5*time.Millisecond)
	require.NoError(t, v.close())
}

// A file that cannot be read stays as it is.
func TestEmbeddedFileThatIsDamaged(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "threads.ndjson")
	s, err := Open(kept(path))
	require.NoError(t, err)
	mustCreate(t, s.For(""), "one", numbered(1, 3)...)
	require.NoError(t, s.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for name, text := range map[string]string{
		"empty": "", "half": string(whole[:len(whole)/2]), "changed": strings.Replace(string(whole), "text 2", "text 9", 1),
		"later": strings.Replace(string(whole), `"version":1}`, `"version":2}`, 1), "something else": "dear diary\n",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := Open(kept(path))
		require.ErrorContains(t, err, "was left as it is", name)
		require.ErrorContains(t, err, path, name)
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, text, string(got), name)
	}
	_, err = Open(kept(filepath.Join(folder, "none", "threads.ndjson")))
	require.ErrorIs(t, err, errNoRoom)
	_, err = Open(kept(folder))
	require.Error(t, err)
}

// A link stays one, also where what it points to is not there yet.
func TestEmbeddedFileBehindALink(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path, link := filepath.Join(folder, "real.ndjson"), filepath.Join(folder, "link")
	require.NoError(t, os.Symlink("real.ndjson", link))
	for range 2 {
		s, err := Open(kept(link))
		require.NoError(t, err)
		_, err = Open(kept(path))
		require.ErrorContains(t, err, "another process")
		mustAppend(t, s.For(""), "one", say("m", "x"))
		require.NoError(t, s.Close())
		target, err := os.Readlink(link)
		require.NoError(t, err)
		assert.Equal(t, "real.ndjson", target)
		require.FileExists(t, path)
	}
}

// Two processes do not share a file.
func TestEmbeddedFileIsLocked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "threads.ndjson")
	s, err := Open(kept(path))
	require.NoError(t, err)
	_, err = Open(kept(path))
	require.ErrorContains(t, err, "another process")
	mustCreate(t, s.For(""), "one")
	require.NoError(t, s.Close())
	s, err = Open(kept(path))
	require.NoError(t, err)
	mustGet(t, s.For(""), "one")
	require.NoError(t, s.Close())
}

// Where a save fails, the file that is there stays, and the end says so.
func TestEmbeddedFileThatCannotBeSaved(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "threads.ndjson")
	s, err := Open(kept(path))
	require.NoError(t, err)
	mustCreate(t, s.For(""), "one")
	require.NoError(t, os.MkdirAll(filepath.Join(path+".new", "in the way"), 0o700)) // for root, to whom nothing is forbidden
	require.ErrorContains(t, s.Close(), "could not be saved")
	_, err = os.Stat(path)
	require.ErrorIs(t, err, os.ErrNotExist)
}
