package store

import (
	"encoding/base64"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCursorRoundTrip(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, epoch := range []Epoch{"0000000000000000", "0123456789abcdef", "ffffffffffffffff"} {
		for _, seq := range []int{0, 1, 127, 128, 100_000, math.MaxInt32} {
			c := Cursor{Epoch: epoch, Seq: seq}
			got, err := ParseCursor(c.String())
			require.NoError(t, err)
			assert.Equal(t, c, got)
			assert.False(t, seen[c.String()])
			seen[c.String()] = true
			assert.Equal(t, c.String(), (&Message{Epoch: epoch, Seq: seq}).Cursor())
		}
	}
}

func TestWhatIsNoCursor(t *testing.T) {
	t.Parallel()
	good := Cursor{Epoch: "0123456789abcdef", Seq: 5}.String()
	raw := func(bytes ...byte) string { return base64.RawURLEncoding.EncodeToString(bytes) }
	for name, text := range map[string]string{
		"empty": "", "blank": " ", "no base64": "!!!", "padded": good + "=", "with a blank": good + " ", "with a line end": good + "\n",
		"standard alphabet": strings.NewReplacer("-", "+", "_", "/").Replace(Cursor{Epoch: "fffefdfcfbfaf9f8", Seq: 1}.String()),
		"too short":         good[:8], "one byte more": good + "AA", "another version": raw(9, 1, 2, 3, 4, 5, 6, 7, 8, 5),
		"no number": raw(1, 1, 2, 3, 4, 5, 6, 7, 8), "a number in more bytes than it needs": raw(1, 1, 2, 3, 4, 5, 6, 7, 8, 0x85, 0),
		"a number that does not end": raw(1, 1, 2, 3, 4, 5, 6, 7, 8, 0x85), "a number too large": raw(1, 1, 2, 3, 4, 5, 6, 7, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
		"of a list by update": entry{id: "0123456789", score: 5}.cursor(false), "of a list by id": entry{id: "0123456789"}.cursor(true),
	} {
		_, err := ParseCursor(text)
		require.ErrorIs(t, err, ErrBadCursor, name)
	}
}

func TestPositionRoundTrip(t *testing.T) {
	t.Parallel()
	for _, id := range append(strangeIDs, "\x00", "\xff") {
		for _, score := range []int64{0, 1, -1, 1_700_000_000_000_000, math.MaxInt64, math.MinInt64} {
			want := entry{id: id, score: score}
			got, err := parsePosition(want.cursor(false), false)
			require.NoError(t, err)
			assert.Equal(t, &want, got)
			_, err = parsePosition(want.cursor(false), true)
			require.ErrorIs(t, err, ErrBadCursor, "a position in another order")
		}
		got, err := parsePosition(entry{id: id}.cursor(true), true)
		require.NoError(t, err)
		assert.Equal(t, &entry{id: id}, got)
		_, err = parsePosition(entry{id: id}.cursor(true), false)
		require.ErrorIs(t, err, ErrBadCursor)
	}
	none, err := parsePosition("", false)
	require.NoError(t, err)
	assert.Nil(t, none)
	for _, text := range []string{"x", "Ag", "AgA", entry{score: 5}.cursor(false), entry{}.cursor(true), entry{id: "a", score: 5}.cursor(false) + "="} {
		_, err := parsePosition(text, false)
		require.ErrorIs(t, err, ErrBadCursor, text)
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add(Cursor{Epoch: "0123456789abcdef", Seq: 5}.String())
	f.Add("")
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCursor(text)
		if err != nil {
			require.ErrorIs(t, err, ErrBadCursor)
			return
		}
		require.Equal(t, text, c.String(), "a position has one text")
		require.True(t, c.Seq >= 0 && c.Seq <= math.MaxInt32)
		require.Len(t, c.Epoch, 2*epochBytes)
	})
}

func FuzzParsePosition(f *testing.F) {
	f.Add(entry{id: "a", score: 1_700_000_000_000_000}.cursor(false))
	f.Add(entry{id: "a"}.cursor(true))
	f.Add("AgA")
	f.Fuzz(func(t *testing.T, text string) {
		for _, byID := range []bool{false, true} {
			e, err := parsePosition(text, byID)
			switch {
			case err != nil:
				require.ErrorIs(t, err, ErrBadCursor)
			case e == nil:
				require.Empty(t, text)
			default:
				require.Equal(t, text, e.cursor(byID))
			}
		}
	})
}
