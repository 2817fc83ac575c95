package coding

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAcceptsGzip(t *testing.T) {
	tests := []struct {
		name   string
		values []string
		want   bool
	}{
		{"none", nil, false},
		{"empty", []string{""}, false},
		{"browser", []string{"gzip, deflate, br, zstd"}, true},
		{"two lines", []string{"br", "gzip"}, true},
		{"upper case", []string{"GZIP"}, true},
		{"old name", []string{"x-gzip"}, true},
		{"weighted", []string{"br;q=1.0, gzip;q=0.8, *;q=0.1"}, true},
		{"spaces", []string{" gzip ; Q = 0.5 "}, true},
		{"forbidden", []string{"gzip;q=0"}, false},
		{"forbidden in full", []string{"gzip;q=0.000, *"}, false},
		{"any", []string{"*"}, true},
		{"none but identity", []string{"identity, *;q=0"}, false},
		{"by name in spite of any", []string{"*;q=0, gzip"}, true},
		{"others only", []string{"br, deflate, identity"}, false},
		{"a longer name", []string{"gzipped"}, false},
		{"unreadable weight", []string{"gzip;q=much"}, false},
		{"no number", []string{"gzip;q=NaN"}, false},
		{"another parameter", []string{"gzip;level=9"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, AcceptsGzip(tt.values))
		})
	}
}
