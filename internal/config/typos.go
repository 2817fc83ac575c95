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
		if isKnown {
			continue
		}
		nearest, distance := "", typoDistance+1
		for _, v := range known {
			if !strings.Contains(v.Name, "_") {
				continue // a single word may well be somebody else's
			}
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

// nameless warns of what speaks of a Redis where none is named: a deployment whose REDIS_HOST has come out empty would otherwise
// keep nothing without a word.
func nameless(environ []string) []string {
	names := []string{"REDIS_HOST", "REDIS_URL", "REDIS_ADDRS"}
	var warnings []string
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		switch {
		case slices.Contains(names, name):
			warnings = append(warnings, name+" is set to nothing, which names no Redis: give it a value, or leave it out")
		case value != "" && slices.Contains(needingRedis, name):
			warnings = append(warnings, name+" has no effect: it takes a REDIS_HOST, REDIS_URL or REDIS_ADDRS to name the Redis that it is about")
		}
	}
	slices.Sort(warnings)
	return warnings
}

// needingRedis are the variables that say how to reach a Redis, and so mean nothing for the one in memory.
var needingRedis = []string{
	"REDIS_PORT", "REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_DB", "REDIS_SENTINEL_USERNAME", "REDIS_SENTINEL_PASSWORD",
	"REDIS_TLS_ENABLED", "REDIS_TLS_CA_FILE", "REDIS_TLS_CERT_FILE", "REDIS_TLS_KEY_FILE", "REDIS_TLS_SERVER_NAME",
	"REDIS_TLS_INSECURE_SKIP_VERIFY", "REDIS_WAIT_REPLICAS", "REDIS_WAIT_TIMEOUT",
}
