//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// buffers hold answers while they are written.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 16<<10); return &b }}

var errGone = errors.New("there is no such thread")

// record are the fields of a thread by the places of store.Blueprint.RecordFields.
type record []any

// The places of fields in a record, as store/record.go lists them.
const (
	fieldSeq     = 1
	fieldBase    = 2
	fieldVersion = 3
	fieldUpdated = 5
	fieldExpires = 6
)

func (r record) int(place int) int64 {
	text, _ := r[place].(string)
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// thread answers with a thread and its last messages: TIME, HMGET and LRANGE in one transaction.
func (f *floor) thread(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	id := query.Get("id")
	last, _ := strconv.ParseInt(query.Get("last"), 10, 64)
	keys := f.layout.Thread("", id)
	var clock *redis.TimeCmd
	var fields *redis.SliceCmd
	var elements *redis.StringSliceCmd
	_, err := f.rdb.TxPipelined(r.Context(), func(pipe redis.Pipeliner) error {
		clock = pipe.Time(r.Context())
		fields = pipe.HMGet(r.Context(), keys.Record, f.layout.RecordFields...)
		elements = pipe.LRange(r.Context(), keys.Messages, -last, -1)
		return nil
	})
	if err != nil {
		answer(w, nil, err)
		return
	}
	rec := record(fields.Val())
	if rec.int(fieldExpires) <= clock.Val().UnixMicro() {
		answer(w, nil, errGone)
		return
	}
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	body := (*buffer)[:0]
	body = append(body, `{"data":{"agentState":{"threadId":`...)
	body = appendString(body, id)
	body = append(body, `,"version":`...)
	body = strconv.AppendInt(body, rec.int(fieldVersion), 10)
	body = append(body, `,"messages":{"nodes":[`...)
	for i, element := range elements.Val() {
		if i > 0 {
			body = append(body, ',')
		}
		if body, err = f.appendMessage(body, element, threadFields); err != nil {
			answer(w, nil, err)
			return
		}
	}
	body = append(body, `],"pageInfo":{"hasPreviousPage":`...)
	held := rec.int(fieldSeq) - rec.int(fieldBase)
	body = strconv.AppendBool(body, held > int64(len(elements.Val())))
	body = append(body, `}}}}}`...)
	*buffer = body
	answer(w, body, nil)
}

// recent answers with the threads that were updated last: what expires next and what was updated last of each bucket in one
// pipeline, and the records of those that are first in one transaction.
func (f *floor) recent(w http.ResponseWriter, r *http.Request) {
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	first, err := f.newest(r.Context(), limit)
	if err != nil {
		answer(w, nil, err)
		return
	}
	var clock *redis.TimeCmd
	records := make([]*redis.SliceCmd, len(first))
	_, err = f.rdb.TxPipelined(r.Context(), func(pipe redis.Pipeliner) error {
		for i, id := range first {
			clock = pipe.Time(r.Context())
			records[i] = pipe.HMGet(r.Context(), f.layout.Thread("", id).Record, f.layout.RecordFields...)
		}
		return nil
	})
	if err != nil {
		answer(w, nil, err)
		return
	}
	now := clock.Val().UnixMicro()
	body := append(make([]byte, 0, 4<<10), `{"data":{"recentAgentStates":[`...)
	for i, cmd := range records {
		rec := record(cmd.Val())
		if rec.int(fieldExpires) <= now {
			continue
		}
		if body[len(body)-1] == '}' {
			body = append(body, ',')
		}
		body = append(body, `{"threadId":`...)
		body = appendString(body, first[i])
		body = append(body, `,"version":`...)
		body = strconv.AppendInt(body, rec.int(fieldVersion), 10)
		body = append(body, `,"messageCounts":{"total":`...)
		body = strconv.AppendInt(body, rec.int(fieldSeq)-rec.int(fieldBase), 10)
		body = append(body, `},"lastUpdated":`...)
		body = appendTime(body, rec.int(fieldUpdated))
		body = append(body, '}')
	}
	answer(w, append(body, `]}}`...), nil)
}

// newest gives the ids of the threads that were updated last.
func (f *floor) newest(ctx context.Context, limit int) ([]string, error) {
	n := len(f.layout.Buckets)
	var clock *redis.TimeCmd
	expiring, updated := make([]*redis.ZSliceCmd, n), make([]*redis.ZSliceCmd, n)
	_, err := f.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		clock = pipe.Time(ctx)
		for b := range n {
			expiring[b] = pipe.ZRangeWithScores(ctx, f.layout.Expires(b, ""), 0, int64(f.layout.Peek-1))
		}
		for b := range n {
			updated[b] = pipe.ZRevRangeByScoreWithScores(ctx, f.layout.Updated(b, ""),
				&redis.ZRangeBy{Min: "-inf", Max: "+inf", Count: int64(f.layout.Share(limit))})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	now := float64(clock.Val().UnixMicro())
	gone := make(map[any]bool)
	for _, cmd := range expiring {
		for _, z := range cmd.Val() {
			if z.Score <= now {
				gone[z.Member] = true
			}
		}
	}
	return merge(updated, gone, limit), nil
}

// merge takes the newest of all buckets, which are ordered each.
func merge(updated []*redis.ZSliceCmd, gone map[any]bool, limit int) []string {
	first := make([]string, 0, limit)
	at := make([]int, len(updated))
	for len(first) < limit {
		best := -1
		var newest redis.Z
		for b, cmd := range updated {
			if at[b] == len(cmd.Val()) {
				continue
			}
			if z := cmd.Val()[at[b]]; best < 0 || z.Score > newest.Score {
				best, newest = b, z
			}
		}
		if best < 0 {
			break
		}
		if at[best]++; !gone[newest.Member] {
			first = append(first, newest.Member.(string))
		}
	}
	return first
}

func appendString(b []byte, text string) []byte {
	quoted, _ := json.Marshal(text)
	return append(b, quoted...)
}

// appendTime writes a time in microseconds as the API does.
func appendTime(b []byte, micros int64) []byte {
	return time.UnixMicro(micros).UTC().AppendFormat(b, `"2006-01-02T15:04:05.000000Z"`)
}
