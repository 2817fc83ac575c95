package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"agentstate/store"
)

// printReport prints a report for people: what was looked at, and what was found.
func printReport(w io.Writer, r *store.Report) error {
	var text strings.Builder
	layout := "no layout yet"
	if r.Layout != nil {
		layout = fmt.Sprintf("layout %d with %d buckets", r.Layout.Version, r.Layout.Buckets)
	}
	fmt.Fprintf(&text, "%s %s, Redis %s, %s\n", service, versionOf(), strings.ToLower(string(r.Mode)), layout)
	for _, n := range r.Nodes {
		printNode(&text, n, r.Buckets)
	}
	printBuckets(&text, r.Buckets)
	fmt.Fprintf(&text, "examined: %d keys, %d threads, %d index entries, %d messages\n",
		r.Examined.Keys, r.Examined.Threads, r.Examined.Entries, r.Examined.Messages)
	for _, f := range r.Findings {
		printFinding(&text, f)
	}
	if len(r.Findings) == 0 {
		text.WriteString("no findings\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func printNode(text *strings.Builder, n store.NodeReport, buckets []store.BucketReport) {
	most := "no bound"
	if n.MaxMemory > 0 {
		most = fmt.Sprintf("%.1f MiB", float64(n.MaxMemory)/(1<<20))
	}
	fmt.Fprintf(text, "node %s: %s with %d replicas, version %s, %.1f MiB of %s, fragmentation %.2f, eviction %s, persistence %s",
		n.Addr, n.Role, n.Replicas, n.Version, float64(n.UsedMemory)/(1<<20), most, n.Fragmentation, n.Policy, n.Persistence)
	var held []string
	for _, b := range buckets {
		if b.Node == n.Addr {
			held = append(held, fmt.Sprint(b.Bucket))
		}
	}
	if len(held) > 0 {
		fmt.Fprintf(text, ", buckets %s", strings.Join(held, " "))
	}
	text.WriteString("\n")
}

func printBuckets(text *strings.Builder, buckets []store.BucketReport) {
	if len(buckets) == 0 {
		return
	}
	byThreads := func(a, b store.BucketReport) int { return int(a.Threads - b.Threads) }
	fmt.Fprintf(text, "buckets: %d, with %d to %d threads each\n",
		len(buckets), slices.MinFunc(buckets, byThreads).Threads, slices.MaxFunc(buckets, byThreads).Threads)
}

func printFinding(text *strings.Builder, f store.Finding) {
	fmt.Fprintf(text, "\n%s %s: %d", f.Severity, f.Code, f.Count)
	if f.Fixed > 0 {
		fmt.Fprintf(text, ", %d repaired", f.Fixed)
	}
	fmt.Fprintf(text, "\n  %s\n", f.Text)
	for _, example := range f.Examples {
		fmt.Fprintf(text, "  - %s\n", example)
	}
	if more := f.Count - len(f.Examples); more > 0 && len(f.Examples) > 0 {
		fmt.Fprintf(text, "  - and %d more\n", more)
	}
}
