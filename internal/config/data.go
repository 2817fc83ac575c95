package config

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
)

// Data says where threads come from and where those of the embedded Redis stay.
type Data struct {
	Adopt        bool   `env:"REDIS_ADOPT" envDefault:"false" help:"adopt the threads of the replaced service, JSON documents under the same key prefix; true or false" group:"Data"`
	AdoptOwner   string `env:"REDIS_ADOPT_OWNER" help:"owner that they get; without it the one of AUTH_MODE none, whom no token names; 255 bytes at most"`
	EmbeddedFile string `env:"EMBEDDED_FILE" help:"file that the embedded Redis is loaded from, and saved to every 10s and at the end; without it all is gone then"`
}

func (d Data) rules() []rule {
	return []rule{
		oneOf("REDIS_ADOPT", strconv.FormatBool(d.Adopt), "true", "false"),
		{"REDIS_ADOPT_OWNER", "at most 255 bytes without control characters", len(d.AdoptOwner) <= 255 && !strings.ContainsFunc(d.AdoptOwner, unicode.IsControl)},
	}
}

// conflicts tells where a file would keep nothing.
func (d Data) conflicts(embedded bool) []error {
	if d.EmbeddedFile != "" && !embedded {
		return []error{errors.New("EMBEDDED_FILE: leave it out where a Redis is named, which keeps its data itself")}
	}
	return nil
}

// AdoptsForNobody tells whether threads that are adopted would belong to an owner whom no token names.
func (c Config) AdoptsForNobody() bool { return c.Data.forNobody(c.Auth.asks()) }

func (d Data) forNobody(asks bool) bool { return d.AdoptOwner == "" && asks }

// warnings tell of threads that nobody would see.
func (d Data) warnings(asks bool) []string {
	if d.Adopt && d.forNobody(asks) {
		return []string{"REDIS_ADOPT_OWNER is not set: with AUTH_MODE adopted threads belong to an owner whom no token names, so that nobody sees them"}
	}
	return nil
}
