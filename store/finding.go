package store

import "slices"

// Severity is how bad a finding is.
type Severity string

// The severities. Health is DEGRADED with a problem; with warnings alone it stays OK.
const (
	// Warning is a risk that somebody may have taken on purpose.
	Warning Severity = "WARNING"
	// Problem is something that fails, or loses data, if nothing is done.
	Problem Severity = "PROBLEM"
)

// Finding is something about Redis, or about the threads in it, that somebody should look at. Health and the doctor tell the same ones.
type Finding struct {
	// Code names the kind of finding; docs/operations.md lists them.
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	// Text says what is wrong and what to do about it. It names no address, and no thread.
	Text string `json:"text"`
	// Count is how many nodes or threads it is about, Fixed how many of them were repaired.
	Count int `json:"count"`
	Fixed int `json:"fixed"`
	// Examples are the first of them: addresses, or threads as owner and id.
	Examples []string `json:"examples,omitempty"`
}

// mostExamples bounds the examples of a finding.
const mostExamples = 10

// findings collects what was found, one Finding for each code, in the order in which they came.
type findings struct{ all []*Finding }

// add notes a finding about one node or thread, which example names ("" for none).
func (f *findings) add(code string, severity Severity, text, example string) *Finding {
	i := slices.IndexFunc(f.all, func(known *Finding) bool { return known.Code == code })
	if i < 0 {
		i = len(f.all)
		f.all = append(f.all, &Finding{Code: code, Severity: severity, Text: text})
	}
	known := f.all[i]
	if known.Count++; example != "" && len(known.Examples) < mostExamples {
		known.Examples = append(known.Examples, example)
	}
	return known
}

// list gives them, problems first.
func (f *findings) list() []Finding {
	all := make([]Finding, 0, len(f.all))
	for _, severity := range []Severity{Problem, Warning} {
		for _, one := range f.all {
			if one.Severity == severity {
				all = append(all, *one)
			}
		}
	}
	return all
}
