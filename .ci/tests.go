//go:build ignore

// tests runs `go test -json` with its arguments. It prints a line for each package, what fails with its output, and at the end the
// slowest tests and the line `N passed, N failed, N skipped`: of tests, subtests among them. All of what go test -v would print, and
// that line, go to .ci/log/test.log. Skipped tests are counted by their reasons; where
// AGENTSTATE_NO_SKIP is 1 they are failures.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

var (
	logFile = filepath.Join(".ci", "log", "test.log")
	noSkip  = os.Getenv("AGENTSTATE_NO_SKIP") == "1"
)

// event is a line of `go test -json` (go doc test2json). Test is empty in those of a package.
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

func main() {
	t, err := test(os.Args[1:])
	if err != nil {
		fmt.Println("tests:", err)
	}
	if t != nil {
		t.summarize()
	}
	if err != nil {
		os.Exit(1)
	}
}

// test runs go test, and gives an error where something failed or was skipped that must not be.
func test(args []string) (*tally, error) {
	if err := os.MkdirAll(filepath.Dir(logFile), 0o755); err != nil {
		return nil, err
	}
	log, err := os.Create(logFile)
	if err != nil {
		return nil, err
	}
	t := &tally{
		log: log, outputs: make(map[string]*strings.Builder), packages: make(map[string]*strings.Builder),
		failed: make(map[string]int), reasons: make(map[string]int),
	}
	command := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	readErr := t.read(out)
	if err := cmp.Or(command.Wait(), readErr); err != nil {
		return t, fmt.Errorf("go test: %w; all of its output is in %s", err, logFile)
	}
	if t.failures > 0 {
		return t, fmt.Errorf("%d failed", t.failures)
	}
	if t.skips > 0 && noSkip {
		return t, fmt.Errorf("%d skipped, and AGENTSTATE_NO_SKIP is 1", t.skips)
	}
	return t, nil
}

// tally counts tests, and keeps what they print until it is known whether anybody wants to read it.
type tally struct {
	log                     *os.File
	passes, failures, skips int
	timed                   []event
	outputs                 map[string]*strings.Builder // by package and test
	packages                map[string]*strings.Builder // whole packages, which run side by side, for the log
	failed                  map[string]int              // failed tests by package
	reasons                 map[string]int              // skipped tests by why
}

func (t *tally) read(out io.Reader) error {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Println(lines.Text())
			continue
		}
		switch e.Action {
		case "build-output":
			fmt.Print(e.Output)
			fmt.Fprint(t.log, e.Output)
		case "output":
			add(t.packages, e.Package, e.Output)
			add(t.outputs, e.Package+" "+e.Test, e.Output)
		case "pass", "fail", "skip":
			t.end(e)
		}
	}
	return lines.Err()
}

// end counts a test or closes a package.
func (t *tally) end(e event) {
	output := t.outputs[e.Package+" "+e.Test]
	delete(t.outputs, e.Package+" "+e.Test)
	if e.Test != "" {
		switch e.Action {
		case "pass":
			t.passes++
			t.timed = append(t.timed, e)
		case "skip":
			t.skips++
			t.reasons[reason(output.String())]++
			if noSkip {
				fmt.Printf("SKIP  %s %s\n%v", e.Package, e.Test, output)
			}
		case "fail":
			t.failures++
			t.failed[e.Package]++
			fmt.Printf("FAIL  %s %s\n%v", e.Package, e.Test, output)
		}
		return
	}
	if whole := t.packages[e.Package]; whole != nil {
		fmt.Fprint(t.log, whole)
		delete(t.packages, e.Package)
	}
	switch e.Action {
	case "pass":
		fmt.Printf("ok    %s %.1fs\n", e.Package, e.Elapsed)
	case "fail":
		t.cutShort(e.Package)
		fmt.Printf("FAIL  %s %.1fs\n", e.Package, e.Elapsed)
		if t.failed[e.Package] == 0 { // it does not build, its process ended early, or what fails is outside of its tests
			t.failures++
			fmt.Print(cmp.Or(output, &strings.Builder{}))
		}
	}
}

// cutShort prints the tests that never ended, since the process did: by a panic in a goroutine, a fatal error, a timeout. Of those
// that only waited nothing is worth a line.
func (t *tally) cutShort(pkg string) {
	for _, name := range slices.Sorted(maps.Keys(t.outputs)) {
		test, ours := strings.CutPrefix(name, pkg+" ")
		if !ours || test == "" {
			continue
		}
		for line := range strings.Lines(t.outputs[name].String()) {
			if !strings.HasPrefix(line, "=== ") {
				fmt.Printf("FAIL  %s did not end\n%v", name, t.outputs[name])
				break
			}
		}
		delete(t.outputs, name)
	}
}

// reason finds in the output of a skipped test why it was: the last that it printed, without the line of its source.
func reason(output string) string {
	why := "without a reason"
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			why = line
		}
	}
	if source, text, ok := strings.Cut(why, ": "); ok && strings.Contains(source, ".go:") {
		return text
	}
	return why
}

func add(to map[string]*strings.Builder, name, text string) {
	if to[name] == nil {
		to[name] = &strings.Builder{}
	}
	to[name].WriteString(text)
}

// summarize prints the slowest tests and the count, which is the last line of the log too.
func (t *tally) summarize() {
	slices.SortFunc(t.timed, func(a, b event) int { return cmp.Compare(b.Elapsed, a.Elapsed) })
	fmt.Println("slowest:")
	for _, e := range t.timed[:min(10, len(t.timed))] {
		fmt.Printf("  %5.1fs %s %s\n", e.Elapsed, e.Package, e.Test)
	}
	for _, why := range slices.Sorted(maps.Keys(t.reasons)) {
		fmt.Printf("skipped %d: %s\n", t.reasons[why], why)
	}
	line := fmt.Sprintf("%d passed, %d failed, %d skipped\n", t.passes, t.failures, t.skips)
	fmt.Print(line)
	fmt.Fprint(t.log, line)
	t.log.Close()
}
