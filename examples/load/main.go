// load sends conversations from a file to an agentstate server, through the public GraphQL API as any client would. It is a tool
// to fill a server with, and an example of a writer that may be stopped and run again at any time.
//
//	go run ./examples/load examples/load/tour.ndjson
//
// The file is NDJSON, one conversation a line, in the form of OpenAI's chat API: {"thread_id":…,"form":"openai","messages":[…]}.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"syscall"
)

const usage = `load sends conversations from a file to an agentstate server.

  go run ./examples/load [flags] FILE

FILE has one conversation a line: {"thread_id":"…","form":"openai","messages":[…OpenAI chat messages…]}.
Running it again is safe: what the server has already is counted, not stored twice.

Flags:
`

const example = `
Example: load the tour below "demo-", and read it back:

  go run ./examples/load -prefix demo- -verify examples/load/tour.ndjson

Exit codes: 0 all is there, 1 something failed or reads back different, 2 wrong usage.
`

// maxConcurrency keeps a slip of the finger from opening thousands of connections.
const maxConcurrency = 64

// usageError is a mistake on the command line; it ends the program with 2 instead of 1.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(exitCode(run(ctx, os.Args[1:], os.Stdout, os.Stderr), os.Stderr))
}

// exitCode says on stderr what went wrong, and gives the code to exit with.
func exitCode(err error, stderr io.Writer) int {
	var wrong usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &wrong):
		_, _ = fmt.Fprintf(stderr, "load: %v; -h tells more\n", err)
		return 2
	default:
		_, _ = fmt.Fprintf(stderr, "load: %v\n", err)
		return 1
	}
}

// run loads the file that args name. The summary goes to stdout, progress and differences to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	opts, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return usageError{err}
	}
	c := newClient(opts.url, opts.concurrency)
	defer c.close()
	return load(ctx, c, opts, stdout, stderr)
}

// options are what the command line says.
type options struct {
	url, prefix, file string
	concurrency       int
	verify            bool
}

// parse reads the command line; where it asks for help, that is printed to stdout and the error is flag.ErrHelp.
func parse(args []string, stdout io.Writer) (options, error) {
	var opts options
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.StringVar(&opts.url, "url", "http://127.0.0.1:8080/graphql", "where the server's GraphQL endpoint is")
	flags.StringVar(&opts.prefix, "prefix", "", "put this ahead of every thread id")
	flags.IntVar(&opts.concurrency, "concurrency", 4, fmt.Sprintf("how many conversations to send at once, 1 to %d", maxConcurrency))
	flags.BoolVar(&opts.verify, "verify", false, "read every message back and compare it with what was sent")
	flags.SetOutput(io.Discard) // the error is returned; flag would print it, and all of the usage, as well
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(stdout)
			_, _ = fmt.Fprint(stdout, usage)
			flags.PrintDefaults()
			_, _ = fmt.Fprint(stdout, example)
		}
		return opts, err
	}
	if flags.NArg() != 1 {
		return opts, fmt.Errorf("give one FILE, behind the flags, not %d", flags.NArg())
	}
	if opts.concurrency < 1 || opts.concurrency > maxConcurrency {
		return opts, fmt.Errorf("give -concurrency a number from 1 to %d, not %d", maxConcurrency, opts.concurrency)
	}
	if u, err := url.Parse(opts.url); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return opts, fmt.Errorf("give -url an address such as http://127.0.0.1:8080/graphql, not %q", opts.url)
	}
	opts.file = flags.Arg(0)
	return opts, nil
}
