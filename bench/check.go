//go:build linux

package main

import (
	"errors"
	"fmt"
)

// fallback is by how much a ratio may be worse than the committed one.
const fallback = 1.2

// compare tells which ratios have fallen back against the committed results. A row that is not measured any more has too.
func compare(committed, now results) error {
	var worse []error
	for _, was := range committed.Rows {
		if was.Ratio == 0 {
			continue
		}
		found := false
		for _, is := range now.Rows {
			if is.Name != was.Name || is.Unit != was.Unit {
				continue
			}
			if found = is.Ratio > 0; found && is.Ratio > fallback*was.Ratio {
				worse = append(worse, fmt.Errorf("%s (%s): %.2f times %s, committed are %.2f", is.Name, is.Unit, is.Ratio, is.Base, was.Ratio))
			}
		}
		if !found {
			worse = append(worse, fmt.Errorf("%s (%s) is not measured any more; commit new results by `make bench`", was.Name, was.Unit))
		}
	}
	return errors.Join(worse...)
}
