//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
)

// markdown writes the results as tables: the costs of all servers, and what belongs to them.
func (r results) markdown() string {
	var out strings.Builder
	m := r.Machine
	fmt.Fprintf(&out, "%d cores of %s, Linux %s, Go %s, Redis %s", m.Cores, m.CPU, m.Kernel, m.Go, m.Redis)
	if m.Node != "" {
		fmt.Fprintf(&out, ", Node %s", m.Node)
	}
	fmt.Fprintf(&out, "; load at the start: %s.\n", m.Load)
	if r.Note != "" {
		fmt.Fprintf(&out, "%s\n", r.Note)
	}
	out.WriteString("\n")
	servers := r.servers()
	head := append([]string{"what", "unit"}, servers...)
	table := [][]string{append(head, "aim", "ratio", "aimed at", "to what", "")}
	for _, row := range r.Rows {
		line := []string{row.Name, row.Unit}
		for _, server := range servers {
			line = append(line, format(row.Values[server]))
		}
		table = append(table, append(line, format(row.Aim), ratio(row.Ratio), ratio(row.AimRatio), row.Base, row.Note))
	}
	writeTable(&out, table)
	out.WriteString("\nRedis beside it, and times, of the rows that have them:\n\n")
	table = [][]string{{"what", "server", "CPU, µs", "Redis CPU, µs", "in a script, µs", "p50, ms", "p99, ms", "a second"}}
	for _, row := range r.Rows {
		for _, name := range slices.Concat(servers, row.Steps) {
			if f, ok := row.Figures[name]; ok {
				table = append(table, []string{
					row.Name, name, format(f.CPU), format(f.RedisCPU), format(f.Script), format(f.P50 / 1000), format(f.P99 / 1000), format(f.PerSecond),
				})
			}
		}
	}
	writeTable(&out, table)
	return out.String()
}

// servers are the names of all that was measured, in the order of the targets.
func (r results) servers() []string {
	var names []string
	for _, t := range (&world{node: "node"}).targets() {
		if slices.ContainsFunc(r.Rows, func(row row) bool { _, ok := row.Values[t.name]; return ok }) {
			names = append(names, t.name)
		}
	}
	return names
}

func writeTable(out *strings.Builder, rows [][]string) {
	for i, row := range rows {
		fmt.Fprintf(out, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(out, "|%s\n", strings.Repeat("---|", len(row)))
		}
	}
}

// format writes a value with three digits, and nothing for none.
func format(v float64) string {
	switch {
	case v == 0:
		return ""
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	default:
		return thousands(int(v + 0.5))
	}
}

func ratio(v float64) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", v)
}
