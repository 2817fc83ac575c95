package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// built are the pages as they are embedded.
var built = []page{
	{files: dist, folder: "playground/dist", path: "/", assets: assetsPath},
	{files: inspected, folder: "inspector/dist", path: inspectorPath, assets: inspectorAssets},
}

// served gives the path of every embedded file, and what it says unpacked.
func served(t *testing.T) map[string][]byte {
	t.Helper()
	plain := map[string][]byte{}
	for _, p := range built {
		maps.Copy(plain, servedBy(t, p))
	}
	require.Greater(t, len(plain), 15, "both pages and their files")
	return plain
}

func servedBy(t *testing.T, p page) map[string][]byte {
	t.Helper()
	entries, err := p.files.ReadDir(p.folder)
	require.NoError(t, err)
	plain := map[string][]byte{}
	for _, entry := range entries {
		packed, err := p.files.ReadFile(p.folder + "/" + entry.Name())
		require.NoError(t, err)
		name := strings.TrimSuffix(entry.Name(), ".gz")
		if name == pageFile {
			plain[p.path] = unpack(t, packed)
		} else {
			plain[p.assets+name] = unpack(t, packed)
		}
	}
	return plain
}

// isPage tells the pages from their files.
func isPage(target string) bool { return target == "/" || target == inspectorPath }

func unpack(t *testing.T, packed []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(packed))
	require.NoError(t, err)
	plain, err := io.ReadAll(r)
	require.NoError(t, err)
	return plain
}

// ask sends one request; headers are pairs of name and value.
func ask(t *testing.T, h http.Handler, method, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// mounted are the handlers as the server mounts them.
func mounted() http.Handler {
	r := chi.NewRouter()
	playground, inspector := Handler(true), Inspector(true)
	r.Handle("/", playground)
	r.Handle("/assets/*", playground)
	r.Handle("/threads", inspector)
	r.Handle("/threads/assets/*", inspector)
	return r
}

func TestEveryFileIsServedPlainAndPacked(t *testing.T) {
	types := map[string]string{
		"": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
		".svg": "image/svg+xml", ".ttf": "font/ttf", ".txt": "text/plain; charset=utf-8",
	}
	h := mounted()
	for target, want := range served(t) {
		t.Run(target, func(t *testing.T) {
			cache := "public, max-age=31536000, immutable"
			if isPage(target) {
				cache = "no-cache"
			}
			etags := map[string]bool{}
			for _, encoding := range []string{"", "gzip"} {
				got := ask(t, h, http.MethodGet, target, "Accept-Encoding", encoding)
				require.Equal(t, http.StatusOK, got.Code)
				body := got.Body.Bytes()
				assert.Equal(t, strconv.Itoa(len(body)), got.Header().Get("Content-Length"))
				assert.Equal(t, encoding, got.Header().Get("Content-Encoding"))
				if encoding == "gzip" {
					body = unpack(t, body)
				}
				assert.True(t, bytes.Equal(want, body), "another content")
				assert.Equal(t, types[path.Ext(target)], got.Header().Get("Content-Type"))
				assert.Equal(t, cache, got.Header().Get("Cache-Control"))
				assert.Equal(t, "Accept-Encoding", got.Header().Get("Vary"))
				etags[got.Header().Get("Etag")] = true

				head := ask(t, h, http.MethodHead, target, "Accept-Encoding", encoding)
				assert.Equal(t, http.StatusOK, head.Code)
				assert.Equal(t, got.Header(), head.Header(), "HEAD has the headers of GET")
				assert.Empty(t, head.Body.Bytes())
			}
			assert.Len(t, etags, 2, "each form has its own ETag")
		})
	}
}

func TestUnchangedFilesAreNotSentAgain(t *testing.T) {
	h := mounted()
	for target := range served(t) {
		plain := ask(t, h, http.MethodGet, target).Header().Get("Etag")
		packed := ask(t, h, http.MethodGet, target, "Accept-Encoding", "gzip").Header().Get("Etag")
		tests := []struct {
			name, encoding, have string
			code                 int
		}{
			{"the same", "", plain, http.StatusNotModified},
			{"the same, packed", "gzip", packed, http.StatusNotModified},
			{"made weak by a proxy", "gzip", "W/" + packed, http.StatusNotModified},
			{"one of several", "", `"other", ` + plain, http.StatusNotModified},
			{"another", "", `"other"`, http.StatusOK},
			{"the other form", "", packed, http.StatusOK},
		}
		for _, tt := range tests {
			t.Run(target+" "+tt.name, func(t *testing.T) {
				got := ask(t, h, http.MethodGet, target, "Accept-Encoding", tt.encoding, "If-None-Match", tt.have)
				assert.Equal(t, tt.code, got.Code)
				assert.Equal(t, tt.code == http.StatusOK, got.Body.Len() > 0)
				assert.Equal(t, "Accept-Encoding", got.Header().Get("Vary"))
			})
		}
	}
}

func TestEveryAnswerIsLockedDown(t *testing.T) {
	h := mounted()
	answers := map[string]*httptest.ResponseRecorder{
		"page":    ask(t, h, http.MethodGet, "/"),
		"missing": ask(t, h, http.MethodGet, "/assets/none.js"),
		"refused": ask(t, h, http.MethodPost, "/"),
	}
	for target := range served(t) {
		answers[target] = ask(t, h, http.MethodGet, target)
	}
	for name, got := range answers {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, "nosniff", got.Header().Get("X-Content-Type-Options"))
			assert.Equal(t, "no-referrer", got.Header().Get("Referrer-Policy"))

			policy := map[string]string{}
			for directive := range strings.SplitSeq(got.Header().Get("Content-Security-Policy"), ";") {
				name, sources, _ := strings.Cut(strings.TrimSpace(directive), " ")
				policy[name] = sources
			}
			for _, name := range []string{"default-src", "base-uri", "form-action", "frame-ancestors"} {
				assert.Equal(t, "'none'", policy[name], name)
			}
			assert.Equal(t, "'self'", policy["script-src"])
			assert.Equal(t, "'self'", policy["connect-src"])
			if sources, ok := policy["style-src-attr"]; ok { // Monaco's: see policy
				assert.Equal(t, "'unsafe-inline'", sources)
				assert.Equal(t, "'self'", policy["worker-src"])
				delete(policy, "style-src-attr")
			}
			delete(policy, "require-trusted-types-for") // these two narrow what is allowed
			delete(policy, "trusted-types")
			for name, sources := range policy {
				for source := range strings.FieldsSeq(sources) {
					allowed := source == "'none'" || source == "'self'" || source == "data:" || strings.HasPrefix(source, "'sha256-")
					assert.True(t, allowed, "%s allows %s", name, source)
				}
			}
		})
	}
}

func TestNothingElseIsServed(t *testing.T) {
	for name, h := range map[string]http.Handler{"playground": Handler(true), "inspector": Inspector(true)} {
		for _, target := range []string{
			"/assets/", "/assets/none.js", "/assets/index.html", "/assets/graphiql.js", "/assets/SHA256SUMS", "/assets/LICENSES.txt",
			"/assets/../web.go", "/assets/%2e%2e/web.go", "/index.html", "//", "/dist/index.html.gz", "/favicon.ico",
			"/threads/", "/threads/assets/", "/threads/assets/inspector.js", "/threads/assets/documents.json", "/threads/index.html",
		} {
			assert.Equal(t, http.StatusNotFound, ask(t, h, http.MethodGet, target).Code, "%s %s", name, target)
		}
		for target := range served(t) {
			if !isPage(target) {
				assert.Equal(t, http.StatusNotFound, ask(t, h, http.MethodGet, target+".gz").Code, "%s %s", name, target)
			}
		}
	}
	assert.Equal(t, http.StatusNotFound, ask(t, Handler(true), http.MethodGet, "/threads").Code)
	assert.Equal(t, http.StatusNotFound, ask(t, Inspector(true), http.MethodGet, "/").Code)
}

// The pages are the same whatever is configured: which other one there is, they find in their own answer.
func TestPagesNameEachOther(t *testing.T) {
	for target, c := range map[string]struct {
		page func(beside bool) http.Handler
		link string
	}{
		"/":        {Handler, `<threads>; rel="related"`},
		"/threads": {Inspector, `<./>; rel="related"`},
	} {
		assert.Equal(t, c.link, ask(t, c.page(true), http.MethodHead, target).Header().Get("Link"), target)
		assert.Empty(t, ask(t, c.page(false), http.MethodHead, target).Header().Values("Link"), target)
		assert.Empty(t, ask(t, c.page(true), http.MethodGet, "/nowhere").Header().Values("Link"), target)
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	h := mounted()
	for target := range served(t) {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions} {
			got := ask(t, h, method, target)
			assert.Equal(t, http.StatusMethodNotAllowed, got.Code, "%s %s", method, target)
			assert.Equal(t, "GET, HEAD", got.Header().Get("Allow"), "%s %s", method, target)
		}
	}
}
