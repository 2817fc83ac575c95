//go:build linux

package main

// results are what is committed, and compared with.
type results struct {
	Machine machine `json:"machine"`
	Note    string  `json:"note,omitempty"`
	Rows    []row   `json:"rows"`
}

// row is one row of the table.
type row struct {
	Name string `json:"name"`
	// Unit is that of the values; Aim the value that agentstate is to reach.
	Unit string  `json:"unit"`
	Aim  float64 `json:"aim,omitempty"`
	// Values are by the names of the servers, Figures all that was measured of each.
	Values  map[string]float64 `json:"values"`
	Figures map[string]figures `json:"figures,omitempty"`
	// Steps are the names of figures that are of sizes, not of servers, in order.
	Steps []string `json:"steps,omitempty"`
	// Ratio is the value of agentstate against Base: the floor of the same run, or what the row itself names. `make bench-check` compares it;
	// where there is none the row is for reading alone.
	Ratio float64 `json:"ratio,omitempty"`
	Base  string  `json:"base,omitempty"`
	// AimRatio is the ratio to reach: what the aim is to the floor on the machine that both were named on.
	AimRatio float64 `json:"aimRatio,omitempty"`
	Note     string  `json:"note,omitempty"`
}

// cpuRow is a row of CPU for an operation, against the floor that splices where it was measured.
func cpuRow(name string, aim goal, of map[string]figures) row {
	r := row{Name: name, Unit: "µs CPU", Aim: aim.micros, AimRatio: aim.micros / aim.floor, Values: make(map[string]float64), Figures: of}
	for server, f := range of {
		r.Values[server] = f.CPU
	}
	if floor := r.Values[splice]; floor > 0 {
		r.Ratio, r.Base = r.Values[ours]/floor, splice
	}
	return r
}

// goal is an aim in microseconds, and what the floor needed where it was set: machines differ, ratios less so.
type goal struct{ micros, floor float64 }

// The goals of the rows.
var (
	threadGoal = goal{60, 45}
	unseenGoal = goal{150, 45}
	recentGoal = goal{75, 60}
	addGoal    = goal{47, 38}
	fanoutGoal = goal{13, 9.8}
	spreadGoal = goal{45, 36}
)
