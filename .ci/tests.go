//go:build ignore

// tests runs `go test` with its arguments, prints what fails, the slowest tests, and how many passed, failed and were skipped.
// Where AGENTSTATE_NO_SKIP is 1 a skipped test is a failure.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

func main() {
	command := exec.Command("go", append([]string{"test", "-json"}, os.Args[1:]...)...)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var passed, failed, skipped int
	var timed []event
	output := make(map[string]*strings.Builder)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Println(lines.Text())
			continue
		}
		name := e.Package + " " + e.Test
		switch e.Action {
		case "output", "build-output":
			if output[name] == nil {
				output[name] = &strings.Builder{}
			}
			output[name].WriteString(e.Output)
			if e.Action == "build-output" {
				fmt.Print(e.Output)
			}
		case "pass":
			if e.Test == "" {
				fmt.Printf("ok    %s %.1fs\n", e.Package, e.Elapsed)
				continue
			}
			passed++
			timed = append(timed, e)
			delete(output, name)
		case "fail":
			fmt.Printf("FAIL  %s\n", name)
			if output[name] != nil {
				fmt.Println(output[name])
			}
			failed++
		case "skip":
			if e.Test == "" {
				continue // a package without tests
			}
			fmt.Printf("SKIP  %s\n%s", name, output[name])
			skipped++
		}
	}
	err = command.Wait()
	slices.SortFunc(timed, func(a, b event) int { return cmp.Compare(b.Elapsed, a.Elapsed) })
	fmt.Println("slowest:")
	for _, e := range timed[:min(10, len(timed))] {
		fmt.Printf("  %5.1fs %s %s\n", e.Elapsed, e.Package, e.Test)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	if err != nil || failed > 0 || (skipped > 0 && os.Getenv("AGENTSTATE_NO_SKIP") == "1") {
		os.Exit(1)
	}
}
