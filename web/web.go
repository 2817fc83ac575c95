// Package web is the pages: GraphiQL at "/" and the inspector at "/threads", out of files that are embedded in the binary, so that
// they work where there is no internet, and with policies under which they cannot talk to anything but this server.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"agentstate/internal/coding"
)

// dist is made by playground/build.mjs; a test compares it with the files that it is made of.
//
//go:embed playground/dist/*.gz
var dist embed.FS

const (
	pageFile   = "index.html"
	assetsPath = "/assets/"

	// scrollLock is the hash of the only style element that GraphiQL makes: that of react-remove-scroll, by which the page
	// behind an open dialog or menu does not scroll. Its text is the same each time, because the page never has a scroll
	// bar. Were it another one in some browser, only that lock would be missing, and this page does not scroll anyway.
	scrollLock = "'sha256-nzTgYzXYDNe6BAHiiI7NNlfK8n/auuOAhh2t92YvuXo='"

	// policy is what GraphiQL 5 needs, by trial, and nothing more. Its editor, Monaco, writes lines of text as HTML whose elements
	// are put in their places by style attributes: they alone are allowed, which can style just the element that they are on. Its
	// themes, which it would write into style elements, the build makes style sheets of scripts. Its workers are files of this
	// origin, and so is the font of its icons. 'self' covers the WebSocket of the same host (CSP 3, section 6.7.2.8; Safari since
	// 15.4).
	policy = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' " + scrollLock + "; " +
		"style-src-attr 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; font-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

// contentTypes are spelled out because package mime asks the system's tables, which differ. A file of another kind is
// a mistake in the build.
var contentTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".ttf":  "font/ttf",
	".txt":  "text/plain; charset=utf-8",
}

// file is one embedded file in the two forms in which it is served.
type file struct {
	contentType  string
	cacheControl string
	etag         string // of the plain form, without its quotes
	gzip         []byte
	// plain is unpacked when it is first asked for: nearly every client takes the other form, and a server shall start at once.
	plain func() []byte
}

// Handler serves the playground at "/" and its files under "/assets/", for GET and HEAD; anything else is 404 or 405. It needs
// no prefix to be stripped, keeps no state and may be used by many requests at once. It panics if the embedded files are
// broken, which only a broken build can make them. With inspector the page links to the one at "/threads".
func Handler(inspector bool) http.Handler {
	p := page{files: dist, folder: "playground/dist", path: "/", assets: assetsPath, policy: policy}
	if inspector {
		p.beside = inspectorPath[1:]
	}
	return p.handler()
}

// page is one page with its files, as they are embedded and where they are served.
type page struct {
	files        embed.FS
	folder       string
	path, assets string
	policy       string
	// beside is the address of the other page, relative to this one; "" where there is none. The page finds it in the header Link of
	// its own answer (RFC 8288), because its files are the same whatever is configured.
	beside string
}

func (p page) handler() http.Handler {
	files, err := p.load()
	if err != nil {
		panic(fmt.Sprintf("web: embedded files: %v", err))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", p.policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		if p.beside != "" && r.URL.Path == p.path {
			h.Set("Link", "<"+p.beside+`>; rel="related"`)
		}

		f, ok := files[r.URL.Path]
		switch {
		case !ok:
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "405 method not allowed", http.StatusMethodNotAllowed)
		default:
			f.serve(w, r)
		}
	})
}

// serve leaves HEAD, If-None-Match and Range to http.ServeContent. The two forms have an ETag each, because a strong one
// stands for certain bytes (RFC 9110, section 8.8.3).
func (f file) serve(w http.ResponseWriter, r *http.Request) {
	var body []byte
	etag := f.etag
	h := w.Header()
	if coding.AcceptsGzip(r.Header.Values("Accept-Encoding")) {
		body, etag = f.gzip, f.etag+"-gzip"
		h.Set("Content-Encoding", "gzip")
		// ServeContent leaves it out where there is a Content-Encoding.
		h.Set("Content-Length", strconv.Itoa(len(body)))
	} else {
		body = f.plain()
	}
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", f.cacheControl)
	h.Set("Vary", "Accept-Encoding")
	h.Set("Etag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// load reads the embedded files, by the path at which each is served.
func (p page) load() (map[string]file, error) {
	entries, err := p.files.ReadDir(p.folder)
	if err != nil {
		return nil, err
	}
	files := make(map[string]file, len(entries))
	for _, entry := range entries {
		packed, err := p.files.ReadFile(p.folder + "/" + entry.Name())
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(entry.Name(), ".gz")
		f, err := newFile(name, packed)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Name(), err)
		}
		if name == pageFile {
			// Its name stays the same when it changes: ask each time, which costs a 304.
			f.cacheControl = "no-cache"
			files[p.path] = f
			continue
		}
		// The name is made of the content: a year, the longest that caches are asked to take seriously (RFC 8246).
		f.cacheControl = "public, max-age=31536000, immutable"
		files[p.assets+name] = f
	}
	if _, ok := files[p.path]; !ok {
		return nil, fmt.Errorf("no %s", pageFile)
	}
	return files, nil
}

func newFile(name string, packed []byte) (file, error) {
	contentType, ok := contentTypes[path.Ext(name)]
	if !ok {
		return file{}, fmt.Errorf("no content type for %q", path.Ext(name))
	}
	sum := sha256.Sum256(packed) // as good a name for the content as that of the plain form
	plain := sync.OnceValue(func() []byte { return unpacked(name, packed) })
	return file{contentType: contentType, etag: hex.EncodeToString(sum[:8]), plain: plain, gzip: packed}, nil
}

// unpacked panics where the file is broken: the build writes it, and a test reads every one.
func unpacked(name string, packed []byte) []byte {
	unpacker, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		panic(fmt.Sprintf("web: %s: %v", name, err))
	}
	plain, err := io.ReadAll(unpacker)
	if err != nil {
		panic(fmt.Sprintf("web: %s: %v", name, err))
	}
	return plain
}
