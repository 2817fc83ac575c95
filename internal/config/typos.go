package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// typoDistance is how many characters a name may be away from a variable to be taken for it.
const typoDistance = 2

// typos warns of variables that nobody reads and that look like one of ours: a mistyped REDIS_HOST would otherwise start a
// server that keeps nothing.
func typos(values map[string]string) []string {
	known := Describe()
	var warnings []string
	for name := range values {
		isKnown := slices.ContainsFunc(known, func(v Variable) bool { return v.Name == name })
		ours := strings.HasPrefix(name, "REDIS_") || strings.HasPrefix(name, "MAX_") || strings.HasPrefix(name, "LISTEN_")
		if isKnown || !ours {
			continue
		}
		nearest, distance := "", typoDistance+1
		for _, v := range known {
			if d := levenshtein.ComputeDistance(name, v.Name); d < distance {
				nearest, distance = v.Name, d
			}
		}
		if nearest != "" {
			warnings = append(warnings, fmt.Sprintf("%s is not a variable of this server; did you mean %s?", name, nearest))
		}
	}
	slices.Sort(warnings)
	return warnings
}
