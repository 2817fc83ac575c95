//go:build linux

// Bench measures what agentstate costs, beside a floor that does the same work in Redis by hand and the servers of Node that people would
// take otherwise, all in one run on one machine. CPU is that of the server's process; the load comes from this one. README.md
// says how each figure is taken.
//
//	go run ./bench               all of it, a quarter of an hour
//	go run ./bench -write        the same, and writes RESULTS.md and results.json
//	go run ./bench -check        without the peers, and fails where a ratio has fallen back against results.json
//	go run ./bench -quick        a minute, to see that every row works and every answer is right
//	go run ./bench -only REGEXP  the rows of single operations whose names match, without the peers; for work on one of them
//	go run ./bench -profile dir  CPU profiles of agentstate under the rows of single operations
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
)

func main() {
	short := flag.Bool("quick", false, "see that every row works; the figures mean nothing")
	check := flag.Bool("check", false, "compare with the committed results")
	write := flag.Bool("write", false, "write the results that are committed")
	withPeers := flag.Bool("peers", true, "measure the servers of Node too")
	note := flag.String("note", "", "a sentence for the results that are written")
	only := flag.String("only", "", "only the rows of single operations whose names match this regular expression, without the peers")
	folder := flag.String("profile", "", "only write CPU profiles of agentstate into this folder, and print their first entries")
	flag.Parse()
	o := full
	if *short {
		o = quick
	}
	o.peers = *withPeers && !*check && *only == ""
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if *only != "" {
		o.only, err = regexp.Compile(*only)
	}
	if err == nil && (o.only != nil && (*write || *check)) {
		err = errors.New("-only gives a part of the results, which is neither written nor compared")
	}
	switch {
	case err != nil:
	case *folder != "":
		err = profiles(ctx, o, *folder, os.Stdout, os.Stderr)
	default:
		err = measure(ctx, o, *check, *write, *note)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to be done
	}
}

// measure runs the benchmark and prints it, and compares or writes it where that is wanted.
func measure(ctx context.Context, o options, check, write bool, note string) error {
	r, folder, err := run(ctx, o, os.Stderr)
	if err != nil {
		return err
	}
	r.Note = note
	fmt.Print(r.markdown())
	file := filepath.Join(folder, "results.json")
	if check {
		var committed results
		text, err := os.ReadFile(file) //nolint:gosec // it is the committed one
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &committed); err != nil {
			return err
		}
		return compare(committed, r)
	}
	if !write {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil { //nolint:gosec // everybody may read it
		return err
	}
	page := "# Results\n\nWritten by `make bench-write`; README.md beside this page says how each figure is taken.\n\n" + r.markdown()
	return os.WriteFile(filepath.Join(folder, "RESULTS.md"), []byte(page), 0o644) //nolint:gosec // as above
}

// run measures every row, and gives the folder of the benchmark too.
func run(ctx context.Context, o options, log io.Writer) (r results, folder string, err error) {
	load := loadAverage()
	b, err := newBench(ctx, o, log)
	if b != nil {
		defer b.close()
	}
	if err != nil {
		return r, "", err
	}
	r.Machine = b.machine(ctx, load)
	parts := []func(context.Context) ([]row, error){b.operations, b.deliveries, b.processes, b.scaling, b.starting}
	if o.only != nil {
		parts = parts[:1]
	}
	for _, part := range parts {
		rows, err := part(ctx)
		if err != nil {
			return r, "", err
		}
		r.Rows = append(r.Rows, rows...)
	}
	b.say("done")
	return r, filepath.Join(b.world.root, "bench"), nil
}
