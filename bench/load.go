//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// work is what a load consists of: request i, written behind b, and the check of its answer. Each connection sends its next request when
// it has the answer to the one before it.
type work struct {
	request func(b []byte, i int) []byte
	check   func(i int, body []byte) error
}

// load are connections that are kept alive.
type load struct {
	conns []*conn
	// next numbers the requests over all runs.
	next atomic.Int64
}

// conn is one connection, with what it reads into.
type conn struct {
	net.Conn
	in   *bufio.Reader
	out  []byte
	body []byte
}

func dial(ctx context.Context, addr string, n int) (*load, error) {
	l := &load{}
	return l, l.redial(ctx, addr, n)
}

// redial takes n new connections in place of what there is: servers close those that were idle for seconds.
func (l *load) redial(ctx context.Context, addr string, n int) error {
	l.close()
	for range n {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err != nil {
			l.close()
			return err
		}
		l.conns = append(l.conns, &conn{Conn: c, in: bufio.NewReaderSize(c, 32<<10)})
	}
	return nil
}

func (l *load) close() {
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
}

// timed are the requests of one run: how many, how long each took, and how long they took together.
type timed struct {
	took    []time.Duration
	elapsed time.Duration
}

// run sends requests for a time, or so many of them where most is not 0. It ends with the first answer that is wrong.
func (l *load) run(ctx context.Context, w work, lasting time.Duration, most int) (timed, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute+lasting)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		for _, c := range l.conns {
			_ = c.SetDeadline(time.Now())
		}
	})
	defer stop()
	first := l.next.Load()
	start := time.Now()
	var mu sync.Mutex
	var all timed
	g := errgroup.Group{}
	for _, c := range l.conns {
		g.Go(func() error {
			took := make([]time.Duration, 0, 1<<14)
			for most > 0 || time.Since(start) < lasting {
				i := l.next.Add(1) - 1
				if most > 0 && i >= first+int64(most) {
					break
				}
				sent := time.Now()
				if err := c.exchange(w, int(i)); err != nil {
					cancel()
					return fmt.Errorf("request %d: %w", i, err)
				}
				took = append(took, time.Since(sent))
			}
			mu.Lock()
			defer mu.Unlock()
			all.took = append(all.took, took...)
			return nil
		})
	}
	err := g.Wait()
	if most > 0 {
		l.next.Store(first + int64(most)) // some were taken and not sent
	}
	all.elapsed = time.Since(start)
	slices.Sort(all.took)
	return all, err
}

// exchange sends one request and checks the answer.
func (c *conn) exchange(w work, i int) error {
	c.out = w.request(c.out[:0], i)
	if _, err := c.Write(c.out); err != nil {
		return err
	}
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	if n := response.ContentLength; n >= 0 {
		c.body = slices.Grow(c.body[:0], int(n))[:n]
		_, err = io.ReadFull(response.Body, c.body)
	} else {
		c.body, err = io.ReadAll(response.Body)
	}
	_ = response.Body.Close()
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d: %.300s", response.StatusCode, c.body)
	}
	return w.check(i, c.body)
}

// post writes a POST request with a body of JSON.
func post(b []byte, path string, body ...[]byte) []byte {
	n := 0
	for _, part := range body {
		n += len(part)
	}
	b = append(append(append(b, "POST "...), path...), " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(n), 10)
	b = append(b, "\r\n\r\n"...)
	for _, part := range body {
		b = append(b, part...)
	}
	return b
}

// get writes a GET request.
func get(b []byte, path string) []byte {
	return append(append(append(b, "GET "...), path...), " HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n"...)
}

// percentile gives the duration that so many of a hundred did not exceed.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, len(sorted)*p/100)]
}
