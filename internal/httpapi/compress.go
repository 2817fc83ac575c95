package httpapi

import (
	"bytes"
	"net/http"
	"sync"

	"github.com/klauspost/compress/gzip"

	"agentstate/internal/coding"
)

// leastCompressed is the size in bytes from which a body is compressed: a smaller one fits into a packet anyway.
const leastCompressed = 1 << 10

// Answers are compressed where they are written, in writeBody, since all of one is in memory there: its length is known before and
// after, and a stream can never be caught. A wrapper around the whole handler, such as gzhttp, would hide from streams what Flush
// says, by which a client that takes nothing is noticed.
//
// Compression tells something of a secret that stands beside text of an attacker's choice, by the length (BREACH). No answer
// has a secret in it, neither token nor cookie, and a page of another origin can have none of them made in its visitor's name.

// gzipTaker is the way to a client that takes gzip. Whatever writes by itself, as streams do, writes through it as it is.
type gzipTaker struct{ http.ResponseWriter }

// Unwrap is for http.ResponseController.
func (g gzipTaker) Unwrap() http.ResponseWriter { return g.ResponseWriter }

// compressed lets next compress the answers that writeBody writes.
func compressed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isHandshake(r) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Add("Vary", "Accept-Encoding")
		if coding.AcceptsGzip(r.Header.Values("Accept-Encoding")) {
			w = gzipTaker{w}
		}
		next.ServeHTTP(w, r)
	})
}

// packers keeps what compresses: its tables are larger than most answers.
var packers = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed) // a page of messages comes to less than a quarter by this too
	if err != nil {
		panic(err)
	}
	return w
}}

// pack gives the parts of a body in the form in which its client takes them, and says in header which.
func pack(w http.ResponseWriter, header http.Header, parts [][]byte) [][]byte {
	length := lengthOf(parts)
	if _, takes := w.(gzipTaker); !takes || length < leastCompressed || header.Get("Content-Encoding") != "" {
		return parts
	}
	var packed bytes.Buffer
	packed.Grow(length / 4)
	packer := packers.Get().(*gzip.Writer) //nolint:forcetypeassert // nothing else is put in
	defer packers.Put(packer)
	packer.Reset(&packed)
	for _, part := range parts {
		_, _ = packer.Write(part) // into memory
	}
	_ = packer.Close()
	header.Set("Content-Encoding", "gzip")
	return [][]byte{packed.Bytes()}
}

func lengthOf(parts [][]byte) (length int) {
	for _, part := range parts {
		length += len(part)
	}
	return length
}
