package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// maxBatch is how many messages the server takes at once, unless it is configured otherwise.
	maxBatch = 500
	// batchBytes bounds the JSON of the messages in a request. The server takes requests of 2 MiB and messages of 256 KiB; half of
	// it leaves room for the query around them, and for a server with a lower bound.
	batchBytes = 1 << 20
)

// loader sends the conversations of one file.
type loader struct {
	client   *client
	progress *progress
	verify   bool
	// present counts the messages that the server said it had already, different the differences that verifying found.
	present, different atomic.Int64
}

// load sends the file of opts, and prints the summary. It reads the file twice: first to check all of it, so that a mistake in
// the last line is told before anything is sent, then to send it, so that no more than a few conversations are in memory.
func load(ctx context.Context, c *client, opts options, stdout, stderr io.Writer) error {
	start := time.Now()
	file, err := os.Open(opts.file)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // nothing was written to it
	if info, err := file.Stat(); err != nil {
		return err
	} else if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file; it must be one, because it is read twice", opts.file)
	}
	threads, messages, err := count(file, opts)
	if err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	steps := messages
	if opts.verify {
		steps *= 2
	}
	l := &loader{client: c, progress: newProgress(stderr, steps, isTerminal(stderr)), verify: opts.verify}
	c.retrying = l.progress.say
	err = l.send(ctx, file, opts)
	l.progress.end()
	if err != nil {
		return err
	}
	return l.summary(stdout, threads, messages, time.Since(start))
}

// count checks a file and counts what is in it.
func count(file io.Reader, opts options) (threads, messages int, err error) {
	for conv, err := range conversations(file, opts.file, opts.prefix) {
		if err != nil {
			return 0, 0, err
		}
		threads++
		messages += len(conv.messages)
	}
	return threads, messages, nil
}

// send sends the conversations of a file, some at once; the messages of one go in their order. The first error stops all.
func (l *loader) send(ctx context.Context, file io.Reader, opts options) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(opts.concurrency)
	for conv, err := range conversations(file, opts.file, opts.prefix) {
		if groupCtx.Err() != nil {
			break
		}
		group.Go(func() error {
			if err != nil {
				return err
			}
			if err := l.conversation(groupCtx, conv); err != nil {
				return fmt.Errorf("%s: thread %q: %w", conv.at, conv.threadID, err)
			}
			return nil
		})
	}
	err := group.Wait()
	if ctx.Err() != nil {
		return errors.New("stopped before the end; run it again to go on")
	}
	return err
}

// conversation sends one conversation, and reads it back if asked to.
func (l *loader) conversation(ctx context.Context, conv conversation) error {
	encoded := make([]json.RawMessage, len(conv.messages))
	for i, m := range conv.messages {
		raw, err := encode(m)
		if err != nil {
			return err
		}
		encoded[i] = raw
	}
	for first := true; len(encoded) > 0; first = false {
		n := batchLength(encoded)
		// Only the first batch may create the thread: if somebody deletes it meanwhile, the rest must not become a thread
		// without a beginning.
		duplicates, err := l.client.addMessages(ctx, conv.threadID, encoded[:n], first)
		if err != nil {
			return err
		}
		// After a retry the server may count what it got from the first try, whose answer was lost.
		l.present.Add(int64(duplicates))
		l.progress.add(n)
		encoded = encoded[n:]
	}
	if !l.verify {
		return nil
	}
	differences, err := verify(ctx, l.client, conv)
	if err != nil {
		return err
	}
	for _, line := range differences.lines {
		l.progress.say(fmt.Sprintf("thread %q: %s", conv.threadID, line))
	}
	l.different.Add(int64(differences.n))
	l.progress.add(len(conv.messages))
	return nil
}

// batchLength is how many of the messages, at least one, fit into a request.
func batchLength(messages []json.RawMessage) int {
	size := 0
	for i, raw := range messages {
		if size += len(raw); i > 0 && (size > batchBytes || i == maxBatch) {
			return i
		}
	}
	return len(messages)
}

// encode writes JSON as short as it can be: json.Marshal would make six bytes of every <, > and &.
func encode(v any) (json.RawMessage, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}

// summary prints the last line. The error is that of the differences, if there were some.
func (l *loader) summary(stdout io.Writer, threads, messages int, took time.Duration) error {
	there := fmt.Sprintf("%d of them", l.present.Load())
	switch int(l.present.Load()) {
	case 0:
		there = "none of them"
	case messages:
		there = "all of them"
	}
	verified := ""
	if l.verify && l.different.Load() == 0 {
		verified = ", everything reads back equal"
	}
	_, err := fmt.Fprintf(stdout, "%s, %s, %s already there, in %s%s\n",
		plural(threads, "conversation"), plural(messages, "message"), there, took.Round(time.Millisecond), verified)
	if n := int(l.different.Load()); n > 0 {
		err = errors.Join(err, fmt.Errorf("%s between what was sent and what the server has", plural(n, "difference")))
	}
	return err
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
