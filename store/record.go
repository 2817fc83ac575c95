package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Read says what to read of a thread beyond what is always read: ids, version, times, TTL, relevance and counts.
type Read struct {
	Context, Plan, ToolCalls, Metadata bool
	// PendingToolCalls costs one more round trip, for all threads that are read together.
	PendingToolCalls bool
	// Pages are the message pages to read, see MessagesOf.
	Pages []PageKey
}

// baseFields are always read; the letters are the counters of the message types.
var baseFields = []string{
	"epoch", "seq", "base", "version", "created", "updated", "expires", "ttl", "relevant", "H", "A", "S", "T", "F", "C", "O",
	"X", "edits",
}

// fields lists the fields of the record that r wants.
func (r Read) fields() []string {
	fields := append(make([]string, 0, len(baseFields)+4), baseFields...)
	for _, f := range []struct {
		name   string
		wanted bool
	}{{"context", r.Context}, {"plan", r.Plan}, {"toolcalls", r.ToolCalls}, {"metadata", r.Metadata}} {
		if f.wanted {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// errRecord says that a record is not of our making.
var errRecord = errors.New("store: a thread in Redis is malformed")

// valuesOf gives the values of the fields that HMGET asked for, without those that are absent.
func valuesOf(fields []string, cmd *redis.SliceCmd) map[string]string {
	values := make(map[string]string, len(fields))
	for i, name := range fields {
		if text, ok := cmd.Val()[i].(string); ok {
			values[name] = text
		}
	}
	return values
}

// recordReader reads the fields of a record and keeps the first thing that is wrong with them.
type recordReader struct {
	values map[string]string
	err    error
}

func (r *recordReader) int(name string) int64 {
	text, ok := r.values[name]
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%w: %s: %w", errRecord, name, err)
	}
	return n
}

func (r *recordReader) time(name string) time.Time { return time.UnixMicro(r.int(name)).UTC() }

// list reads a field that holds the elements of a JSON list with commas between but no brackets, so that a script can put
// one more behind them.
func (r *recordReader) list(name string, into any) {
	if err := json.Unmarshal([]byte("["+r.values[name]+"]"), into); err != nil && r.err == nil {
		r.err = fmt.Errorf("%w: %s: %w", errRecord, name, err)
	}
}

// record makes a thread of the values of its fields; nil where the thread is absent or, at the time now, past its expiry.
func (t *Threads) record(threadID string, r Read, now time.Time, cmd *redis.SliceCmd) (*AgentState, error) {
	values := valuesOf(r.fields(), cmd)
	in := recordReader{values: values}
	if values["epoch"] == "" || !in.time("expires").After(now) {
		return nil, in.err
	}
	s := &AgentState{
		Owner: t.owner, ThreadID: threadID,
		Epoch: Epoch(values["epoch"]), Seq: int(in.int("seq")), Base: int(in.int("base")),
		Removed: int(in.int(removedLetter)), Edits: int(in.int("edits")),
		Version: int(in.int("version")), Relevant: values["relevant"] == "1", Context: values["context"],
		CreatedAt: in.time("created"), LastUpdated: in.time("updated"), ExpiresAt: in.time("expires"),
		TTLSeconds: int(in.int("ttl")),
		MessageCounts: MessageCounts{
			Human: int(in.int("H")), Ai: int(in.int("A")), System: int(in.int("S")), Tool: int(in.int("T")),
			Other: int(in.int("F") + in.int("C") + in.int("O")),
		},
		Metadata: json.RawMessage("{}"),
	}
	s.MessageCounts.Total = s.Seq - s.Base - s.Removed
	s.countOf = func(letter string) int { return int(in.int(letter)) }
	if text := values["metadata"]; text != "" {
		s.Metadata = json.RawMessage(text)
	}
	if r.Plan {
		in.list("plan", &s.Plan)
	}
	if r.ToolCalls {
		in.list("toolcalls", &s.ToolCalls)
	}
	return s, in.err
}
