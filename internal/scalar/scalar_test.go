package scalar

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func written(m graphql.Marshaler) string {
	var text strings.Builder
	m.MarshalGQL(&text)
	return text.String()
}

func requireRefused(tb testing.TB, err error, msgAndArgs ...any) {
	tb.Helper()
	var invalid *Error
	require.ErrorAs(tb, err, &invalid, msgAndArgs...)
}

func TestDateTimesAreTaken(t *testing.T) {
	for given, want := range map[string]string{
		"2026-11-22T14:03:07Z":               "2026-11-22T14:03:07.000000Z",
		"2026-11-22t14:03:07z":               "2026-11-22T14:03:07.000000Z", // RFC 3339 takes small letters
		"2026-11-22T14:03:07.1203949Z":       "2026-11-22T14:03:07.120394Z", // cut, not rounded
		"2026-11-22T14:03:07.999999999Z":     "2026-11-22T14:03:07.999999Z",
		"1969-12-31T23:59:59.9999999Z":       "1969-12-31T23:59:59.999999Z",
		"2026-11-22T14:03:07.1203941234567Z": "2026-11-22T14:03:07.120394Z",
		"2026-11-22T14:03:07.5+02:30":        "2026-11-22T11:33:07.500000Z",
		"2026-11-22T14:03:07-00:00":          "2026-11-22T14:03:07.000000Z",
		"2026-12-31T23:59:59-23:59":          "2027-01-01T23:58:59.000000Z",
		"2024-02-29T00:00:00Z":               "2024-02-29T00:00:00.000000Z",
		"0001-01-01T00:00:00Z":               "0001-01-01T00:00:00.000000Z",
		"0000-12-31T23:00:00-01:00":          "0001-01-01T00:00:00.000000Z",
		"9999-12-31T23:59:59.999999Z":        "9999-12-31T23:59:59.999999Z",
		"9999-12-31T23:59:59.9999999Z":       "9999-12-31T23:59:59.999999Z",
	} {
		at, err := UnmarshalDateTime(given)
		require.NoError(t, err, given)
		assert.Equal(t, time.UTC, at.Location())
		assert.Equal(t, `"`+want+`"`, written(MarshalDateTime(at)), given)
	}
}

func TestDateTimesAreRefused(t *testing.T) {
	for _, given := range []any{
		"", " 2026-11-22T14:03:07Z", "2026-11-22T14:03:07Z\n", "2026-11-22", "14:03:07Z", "22.11.2026", "20261122T140307Z",
		"2026-11-22T14:03:07", "2026-11-22 14:03:07Z", "2026-11-22T14:03Z", // without an offset, a T, seconds
		"2026-11-22T4:03:07Z", "2026-11-22T14:03:07,5Z", "2026-11-22T14:03:07.Z", "12026-11-22T14:03:07Z", "+2026-11-22T14:03:07Z",
		"2026-11-22T14:03:07+0100", "2026-11-22T14:03:07+01", "2026-11-22T14:03:07+24:00", "2026-11-22T14:03:07+05:60",
		"2026-13-22T14:03:07Z", "2026-02-29T14:03:07Z", "2026-11-22T24:00:00Z", "2026-11-22T14:60:07Z", "2026-12-31T23:59:60Z",
		"0000-12-31T23:59:59Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", // years 0, 0 and 10000
		5, json.Number("1795356187"), true, nil,
		[]any{"2026-11-22T14:03:07Z"},
	} {
		_, err := UnmarshalDateTime(given)
		requireRefused(t, err, "%v", given)
	}
}

func TestDateTimesAreWrittenInUTC(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6999, time.FixedZone("", 3600))
	assert.Equal(t, `"2026-01-02T02:04:05.000006Z"`, written(MarshalDateTime(at)))
	assert.Equal(t, `"0001-01-01T00:00:00.000000Z"`, written(MarshalDateTime(time.Time{})), "no null for the zero time")
}

// The times of any year are written as the standard library would.
func TestDateTimesAreWrittenAsByTheLibrary(t *testing.T) {
	from := time.Date(-500, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 20_000 {
		at := from.Add(time.Duration(rand.Int64())).AddDate(rand.IntN(11_000), 0, 0)
		require.Equal(t, at.AppendFormat(nil, `"2006-01-02T15:04:05.000000Z"`), AppendDateTime(nil, at), at)
	}
}

func TestErrorsShowNoMoreThanTheBeginning(t *testing.T) {
	_, err := UnmarshalDateTime(strings.Repeat("é", 10_000))
	requireRefused(t, err)
	assert.Contains(t, err.Error(), strings.Repeat("é", 60)+"…")
	assert.Less(t, len(err.Error()), 300)
	_, err = UnmarshalInt(json.Number(strings.Repeat("9", 10_000)))
	requireRefused(t, err)
	assert.Less(t, len(err.Error()), 300)
}

func TestInts(t *testing.T) {
	for _, want := range []int{0, 7, -7, math.MaxInt32, math.MinInt32} {
		for _, given := range []any{want, int32(want), int64(want), float64(want), json.Number(fmt.Sprint(want))} {
			n, err := UnmarshalInt(given)
			require.NoError(t, err, "%T %v", given, given)
			assert.Equal(t, want, n, "%T", given)
		}
	}
	for _, want := range []int{math.MaxInt32 + 1, math.MinInt32 - 1} {
		for _, given := range []any{want, int64(want), float64(want), json.Number(fmt.Sprint(want))} {
			_, err := UnmarshalInt(given)
			requireRefused(t, err, "%T %v", given, given)
		}
	}
	for _, given := range []any{
		1.5, -0.1, 1e18, math.MaxInt32 + 0.5, math.Inf(1), math.Inf(-1), math.NaN(),
		// A variable has its digits: 1.0 is a Float for the specification.
		json.Number("1.0"), json.Number("1e2"), json.Number("1e99"), json.Number("9223372036854775808"), json.Number(""),
		"7", "", true, nil,
		[]any{7},
		map[string]any{},
	} {
		_, err := UnmarshalInt(given)
		requireRefused(t, err, "%T %v", given, given)
	}
	assert.Equal(t, "-12", written(MarshalInt(-12)))
	assert.Equal(t, "2147483647", written(MarshalInt(math.MaxInt32)))
}

// FuzzDateTime reads again what is written of whatever is taken.
func FuzzDateTime(f *testing.F) {
	for _, seed := range []string{
		"2026-11-22T14:03:07.12Z", "0000-13-99", "2026-11-22t4:03:07,5z", "0000-12-31T23:00:00-01:00", "9999-12-31T23:59:59.9999999-23:59",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := UnmarshalDateTime(text)
		if err != nil {
			requireRefused(t, err)
			return
		}
		out := written(MarshalDateTime(at))
		assert.Len(t, out, len(`"2026-11-22T14:03:07.120394Z"`))
		again, err := UnmarshalDateTime(strings.Trim(out, `"`))
		require.NoError(t, err)
		assert.Equal(t, at, again)
		strict, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text))
		require.NoError(t, err)
		assert.WithinRange(t, strict, at, at.Add(time.Microsecond-1))
	})
}

// FuzzInt holds what is read of the digits of a variable against exact arithmetic.
func FuzzInt(f *testing.F) {
	for _, seed := range []string{"0", "-0", "7", "2147483647", "-2147483648", "2147483648", "1.0", "1e3", "", "+1", "0x1", "1_000", "٣"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, digits string) {
		if !json.Valid([]byte(digits)) || strings.Trim(digits, "-+.eE0123456789") != "" {
			return // no decoder gives such a number
		}
		n, err := UnmarshalInt(json.Number(digits))
		exact, whole := new(big.Int).SetString(digits, 10)
		fits := whole && exact.IsInt64() && exact.Int64() >= math.MinInt32 && exact.Int64() <= math.MaxInt32
		require.Equal(t, fits, err == nil, digits)
		if fits {
			assert.Equal(t, exact.Int64(), int64(n))
		} else {
			requireRefused(t, err)
		}
	})
}
