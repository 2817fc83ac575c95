package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/httpapi"
)

// sized has every operation answer with a body of so many bytes.
func sized(bytes int) func(*httpapi.Config) {
	return intercept(func(context.Context) *graphql.Response {
		return &graphql.Response{Data: []byte(`"` + strings.Repeat("x", bytes-len(`{"data":""}`)) + `"`)}
	})
}

func gunzip(t testing.TB, body string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(body))
	require.NoError(t, err)
	plain, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(plain)
}

func packed(t testing.TB, body string) string {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, err := io.WriteString(w, body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return buf.String()
}

func TestAnswersAreCompressedWhereThatPays(t *testing.T) {
	const query = `{"query":"{ agentStateCount }"}`
	for name, c := range map[string]struct {
		size   int
		accept string
		want   string
	}{
		"large":             {1024, "gzip, br", "gzip"},
		"very large":        {1 << 20, "gzip", "gzip"},
		"small":             {1023, "gzip", ""},
		"not asked for":     {4096, "identity", ""},
		"refused":           {4096, "gzip;q=0, *", ""},
		"another is wanted": {4096, "br, zstd", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, sized(c.size))
			got := s.post(t, query, "Accept-Encoding", c.accept)
			assert.Equal(t, 200, got.status)
			assert.Equal(t, c.want, got.header.Get("Content-Encoding"))
			assert.Contains(t, got.header.Values("Vary"), "Accept-Encoding")
			assert.Equal(t, got.header.Get("Content-Length"), itoa(len(got.body)))
			plain := got.body
			if c.want != "" {
				assert.Less(t, len(got.body), c.size/2)
				plain = gunzip(t, got.body)
			}
			assert.Len(t, plain, c.size)
		})
	}
}

// HEAD tells of the same answer as GET.
func TestHeadOfACompressedAnswer(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) {
		c.Health = func(context.Context) any { return strings.Repeat("x", 5000) }
	})
	got := s.send(t, http.MethodGet, "/health", "", "Accept-Encoding", "gzip")
	head := s.send(t, http.MethodHead, "/health", "", "Accept-Encoding", "gzip")
	assert.Empty(t, head.body)
	for _, name := range []string{"Content-Encoding", "Content-Length", "Vary", "Content-Type"} {
		assert.NotEmpty(t, got.header.Get(name), name)
		assert.Equal(t, got.header.Get(name), head.header.Get(name), name)
	}
}

// A stream that waited in a compressor would be late, and one compressed event by event would keep its window for as long as it lives.
func TestStreamsAreNotCompressed(t *testing.T) {
	big := `{"data":"` + strings.Repeat("x", 5000-len(`{"data":""}`)) + `"}`
	once := func(c *httpapi.Config) { c.Extensions = append(c.Extensions, single(big)) }
	s := newServer(t, once)
	e := s.listen(t, http.MethodGet, subscription, "Accept-Encoding", "gzip")
	assert.Empty(t, e.res.Header.Get("Content-Encoding"))
	assert.Equal(t, comment+next(big)+complete, e.rest(t))
	res := s.open(t, http.MethodPost, "/graphql", `{"query":`+quote(subscription)+`}`,
		"Accept", apolloAccept, "Content-Type", "application/json", "Accept-Encoding", "gzip")
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	assert.Empty(t, res.Header.Get("Content-Encoding"))
	assert.Equal(t, opening+part(big)+last, string(body))
}

// single is an extension by which an operation gives one response.
type single string

func (single) ExtensionName() string                   { return "single" }
func (single) Validate(graphql.ExecutableSchema) error { return nil }
func (s single) InterceptOperation(context.Context, graphql.OperationHandler) graphql.ResponseHandler {
	data := strings.TrimSuffix(strings.TrimPrefix(string(s), `{"data":`), "}")
	return graphql.OneShot(&graphql.Response{Data: []byte(data)})
}

func TestCompressedRequests(t *testing.T) {
	const limit = 4096
	s := newServer(t, func(c *httpapi.Config) { c.MaxRequestBytes = limit })
	filled := func(size int) string {
		const head, tail = `{"query":"{ agentStateCount }","pad":"`, `"}`
		return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
	}
	bomb := packed(t, strings.Repeat("x", 16<<20))
	for name, c := range map[string]struct {
		body, coding string
		status       int
		want         string
	}{
		"gzip":                 {packed(t, filled(limit)), "gzip", 200, `{"data":{"agentStateCount":42}}`},
		"the old name":         {packed(t, filled(100)), "X-GZIP", 200, `{"data":{"agentStateCount":42}}`},
		"too large unpacked":   {packed(t, filled(limit+1)), "gzip", 413, `"code":"LIMIT_EXCEEDED","limit":4096`},
		"a bomb":               {bomb[:limit], "gzip", 413, `"code":"LIMIT_EXCEEDED"`},
		"too large as sent":    {bomb, "gzip", 413, `"code":"LIMIT_EXCEEDED"`},
		"no gzip":              {filled(100), "gzip", 400, `Send the request body as gzip that is whole`},
		"empty":                {"", "gzip", 400, `as gzip`},
		"half of it":           {packed(t, filled(1000))[:40], "gzip", 400, `as gzip`},
		"something behind it":  {packed(t, filled(100)) + "x", "gzip", 400, `as gzip`},
		"gzip but no JSON":     {packed(t, "hello"), "gzip", 400, `is valid JSON`},
		"another coding":       {filled(100), "br", 415, "Send the request body with `Content-Encoding: gzip`, or without."},
		"two codings":          {packed(t, packed(t, filled(100))), "gzip, gzip", 415, "`Content-Encoding: gzip`"},
		"no coding, by a name": {filled(100), "identity", 200, `{"data":{"agentStateCount":42}}`},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.post(t, c.body, "Content-Encoding", c.coding)
			assert.Equal(t, c.status, got.status)
			assert.Contains(t, got.body, c.want)
			assert.Equal(t, jsonType, got.header.Get("Content-Type"))
			if c.status == 415 {
				assert.Equal(t, "gzip, identity", got.header.Get("Accept-Encoding"))
			}
		})
	}
}

// Where nobody knows the length beforehand the limit holds for what is sent too: out of many empty members nothing is unpacked, for
// as long as they come.
func TestCompressedRequestWithoutEnd(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.MaxRequestBytes = 1000 })
	content := io.MultiReader(strings.NewReader(strings.Repeat(packed(t, ""), 10_000)))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/graphql", content)
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Content-Encoding", "gzip")
	res, err := s.Client().Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	assert.Equal(t, 413, res.StatusCode)
	assert.Contains(t, string(got), `"code":"LIMIT_EXCEEDED","limit":1000`)
}
