package httpapi

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A body that would fill the memory costs no more of it than one that fits.
func TestBombIsNotUnpacked(t *testing.T) {
	const limit = 1 << 20
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	_, err := io.CopyN(w, zeros{}, 64<<20)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Less(t, bomb.Len(), limit, "as it is sent it is within the limit")

	r := httptest.NewRequest(http.MethodPost, "/graphql", &bomb)
	r.Header.Set("Content-Encoding", "gzip")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	body, refused := requestReader{maxBytes: limit}.bodyOf(httptest.NewRecorder(), r)
	runtime.ReadMemStats(&after)
	assert.Nil(t, body)
	require.NotNil(t, refused)
	assert.Equal(t, http.StatusRequestEntityTooLarge, refused.status)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(10*limit))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
