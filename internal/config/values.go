package config

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Duration is a time that is given in seconds (5, 2.5) or with a unit (500ms, 1m).
type Duration time.Duration

// String gives the duration as it would be written: 5s, 1m, 0.
func (d Duration) String() string {
	text := time.Duration(d).String()
	for _, nothing := range []string{"m0s", "h0m"} { // 1h0m0s says no more than 1h
		if strings.HasSuffix(text, nothing) {
			text = text[:len(text)-2]
		}
	}
	if text == "0s" {
		return "0"
	}
	return text
}

// parseDuration reads a number without a unit as seconds. It leaves the digits to time.ParseDuration, which is exact for nine
// behind the point: a float64 would turn 1.001 into 1.000999999s.
func parseDuration(text string) (Duration, error) {
	if strings.Trim(text, "+-.0123456789") == "" {
		text += "s"
	}
	d, err := time.ParseDuration(text)
	if err == nil && d < 0 {
		err = errors.New("negative")
	}
	return Duration(d), err
}

// Secret is a text that no log, error, encoding or dump shows. Only Reveal gives it.
type Secret string

const hidden = "***"

// Reveal gives the text itself.
func (s Secret) Reveal() string { return string(s) }

// String hides the text.
func (Secret) String() string { return hidden }

// GoString hides the text from %#v.
func (Secret) GoString() string { return hidden }

// Format hides the text from every other verb: without it %d prints %!d(config.Secret=the text).
func (Secret) Format(state fmt.State, _ rune) {
	_, _ = state.Write([]byte(hidden)) // a fmt.State has nowhere to report an error to
}

// LogValue hides the text from log/slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalJSON hides the text from encoding/json.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// MarshalText hides the text from other encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
