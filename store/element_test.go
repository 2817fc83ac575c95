package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseElement(t *testing.T) {
	t.Parallel()
	for _, id := range append(strangeIDs, "") {
		body := `{"content":"a:b"}`
		got, err := parseElement(fmt.Sprintf("7:1700000000000000:H:%d:%s%s", len(id), id, body))
		require.NoError(t, err)
		assert.Equal(t, element{seq: 7, arrival: 1_700_000_000_000_000, letter: "H", id: id, body: body}, got)
	}
	for _, text := range []string{"", ":", "::::", "1:2:H:3", "x:2:H:1:a", "1:x:H:1:a", "1:2:H:x:a", "1:2:H:-1:a", "1:2:H:2:a", "99999999999999999999:2:H:1:a"} {
		_, err := parseElement(text)
		require.ErrorIs(t, err, errElement, text)
	}
}

func TestAMalformedElementIsNoMessage(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"1:2:Z:1:a{}", "1:2:H:1:a", "1:2:H:1:a[]", "1:2:H:1:a{"} {
		e, err := parseElement(text)
		require.NoError(t, err)
		_, err = e.message("", "one", "e")
		require.ErrorIs(t, err, errElement, text)
	}
}

// What somebody else has put into our keys is an error, and no panic.
func TestRecordsAndListsOfOthers(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		mustCreate(t, th, "one", say("a", "x"))
		require.NoError(t, s.rdb.RPush(t.Context(), th.keysOf("one").messages, "garbage").Err())
		_, err := th.Get(t.Context(), "one", everything)
		require.ErrorIs(t, err, errElement)
		for field, value := range map[string]string{"seq": "x", "plan": "{", "toolcalls": "1,", "expires": "9999999999999999x"} {
			mustCreate(t, th, field)
			require.NoError(t, s.rdb.HSet(t.Context(), th.keysOf(field).record, field, value).Err())
			_, err := th.Get(t.Context(), field, everything)
			require.ErrorIs(t, err, errRecord, field)
		}
		_, err = th.TTL(t.Context(), "expires")
		require.ErrorIs(t, err, errRecord)
		require.NoError(t, s.rdb.Set(t.Context(), th.keysOf("str").record, "x", 0).Err())
		for _, err := range []error{
			func() error { _, err := th.Get(t.Context(), "str", everything); return err }(),
			func() error { _, err := th.Append(t.Context(), "str", Append{}, &everything); return err }(),
		} {
			require.ErrorContains(t, err, "WRONGTYPE")
			require.NotErrorIs(t, err, ErrUnavailable)
			require.NotErrorIs(t, err, ErrNotFound)
		}
	})
}

func TestText(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		`"hello"`: "hello", "\t\"a\\nb\"\n": "a\nb", `""`: "", ``: "", `null`: "", `5`: "", `{}`: "", `[]`: "",
		`["a","b"]`:                    "ab",
		`[{"type":"text","text":"a"}]`: "a", `[{"text":"a"},{"type":"image","text":"b"},"c",{"type":"text"},5,null]`: "ac",
		`[{"type":"text","text":5}]`: "",
	} {
		assert.Equal(t, want, (&Message{Content: json.RawMessage(content)}).Text(), content)
	}
}

func TestEncodeBodyIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	m := &Message{MessageID: "a", Type: AI, Content: json.RawMessage(`"<&>\u2028"`), Metadata: json.RawMessage(`{"z":1,"a":{"y":2,"b":3}}`)}
	first, err := encodeBody(m)
	require.NoError(t, err)
	assert.Contains(t, first, "<&>")
	assert.False(t, strings.HasSuffix(first, "\n"))
	stored := *m
	stored.Owner, stored.ThreadID, stored.Epoch, stored.Seq = "ann", "one", "e", 5
	again, err := encodeBody(&stored)
	require.NoError(t, err)
	assert.Equal(t, first, again, "what the store adds does not count")
	_, err = encodeBody(&Message{Content: json.RawMessage(`{`)})
	require.Error(t, err)
}

func FuzzParseElement(f *testing.F) {
	f.Add("7:1700000000000000:H:1:a{}")
	f.Add("1:2:H:3:é")
	f.Add("::::")
	f.Fuzz(func(t *testing.T, text string) {
		e, err := parseElement(text)
		if err != nil {
			require.ErrorIs(t, err, errElement)
			return
		}
		require.True(t, strings.HasSuffix(text, e.id+e.body))
		if m, err := e.message("ann", "one", "e"); err == nil {
			require.Equal(t, e.seq, m.Seq)
			require.NotEmpty(t, m.Type)
		}
	})
}

func FuzzParseEvent(f *testing.F) {
	f.Add("u:0123456789abcdef:1:2:2:1700000000000000:H:1:a{}")
	f.Add("c:e:1:0:")
	f.Add("::::")
	th := (&Store{}).For("ann")
	f.Fuzz(func(t *testing.T, payload string) {
		event, err := parseEvent("channel", payload)
		if err != nil {
			require.ErrorIs(t, err, errEvent)
			return
		}
		require.False(t, event.Joined)
		require.Contains(t, "cudx", string(event.Kind))
		if m, ok := th.Announced("one", event); ok {
			require.Equal(t, event.Seq, m.Seq)
		}
	})
}

func TestATimestampStaysWhatItWas(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 3600)
	body, err := encodeBody(&Message{MessageID: "a", Type: Human, Content: json.RawMessage(`""`), Timestamp: time.Date(2024, 1, 1, 1, 0, 0, 0, zone)})
	require.NoError(t, err)
	m, err := element{seq: 1, arrival: 5, letter: "H", id: "a", body: body}.message("", "one", "e")
	require.NoError(t, err)
	assert.True(t, m.Timestamp.Equal(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)))
}
