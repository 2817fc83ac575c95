// Package coding knows the content codings of HTTP that this server speaks: gzip, and none.
package coding

import (
	"strconv"
	"strings"
)

// AcceptsGzip tells whether the values of a request's Accept-Encoding allow gzip (RFC 9110, section 12.5.3): by its name
// or its old one, else by "*". A weight of zero forbids; one that cannot be read does too, as plain is always right.
func AcceptsGzip(values []string) bool {
	wildcard := false
	for element := range strings.SplitSeq(strings.Join(values, ","), ",") {
		coding, parameters, _ := strings.Cut(element, ";")
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			return hasWeight(parameters)
		case "*":
			wildcard = hasWeight(parameters)
		}
	}
	return wildcard
}

// hasWeight tells whether the parameters of a coding give it a weight above zero; none is a weight of one.
func hasWeight(parameters string) bool {
	name, value, found := strings.Cut(parameters, "=")
	if !found {
		return strings.TrimSpace(parameters) == ""
	}
	weight, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return err == nil && strings.EqualFold(strings.TrimSpace(name), "q") && weight > 0
}
