package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	"X", "edits", "trimmed",
}

// extraFields are read where they are wanted.
func (r Read) extraFields() []string {
	var fields []string
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

// baseArgs are baseFields as arguments of a command: each read of a thread has them, and go-redis' HMGet would box each of them anew.
var baseArgs = func() []any {
	args := make([]any, len(baseFields))
	for i, name := range baseFields {
		args[i] = name
	}
	return args
}()

// queueRecord puts the command that reads a record into a pipeline.
func (r Read) queueRecord(ctx context.Context, pipe redis.Pipeliner, key string) *redis.SliceCmd {
	args := append(append(make([]any, 0, 2+len(baseArgs)+4), "hmget", key), baseArgs...)
	for _, name := range r.extraFields() {
		args = append(args, name)
	}
	cmd := redis.NewSliceCmd(ctx, args...)
	_ = pipe.Process(ctx, cmd) // into a pipeline
	return cmd
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

// recordReader reads the fields of a record and keeps the first thing that is wrong with them. They are values, or for a thread that is
// read what queueRecord's command gives, in whose order they are found without a map of them.
type recordReader struct {
	values map[string]string
	row    []any
	extra  []string // names of what lies in row behind baseFields
	err    error
}

// text gives a field, and whether the record has it.
func (r *recordReader) text(name string) (string, bool) {
	if r.values != nil {
		text, ok := r.values[name]
		return text, ok
	}
	at := slices.Index(baseFields, name)
	if at < 0 {
		if at = slices.Index(r.extra, name); at < 0 {
			return "", false
		}
		at += len(baseFields)
	}
	text, ok := r.row[at].(string)
	return text, ok
}

func (r *recordReader) int(name string) int64 {
	text, ok := r.text(name)
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
	inner, _ := r.text(name)
	if err := json.Unmarshal([]byte("["+inner+"]"), into); err != nil && r.err == nil {
		r.err = fmt.Errorf("%w: %s: %w", errRecord, name, err)
	}
}

// record makes a thread of the values of its fields; nil where the thread is absent or, at the time now, past its expiry.
func (t *Threads) record(threadID string, r Read, now time.Time, cmd *redis.SliceCmd) (*AgentState, error) {
	in := recordReader{row: cmd.Val(), extra: r.extraFields()}
	epoch, ok := in.text("epoch")
	if !ok || !in.time("expires").After(now) {
		return nil, in.err
	}
	relevant, _ := in.text("relevant")
	text, _ := in.text("context")
	s := &AgentState{
		Owner: t.owner, ThreadID: threadID,
		Epoch: Epoch(epoch), Seq: int(in.int("seq")), Base: int(in.int("base")),
		Removed: int(in.int(removedLetter)), Edits: int(in.int("edits")),
		Version: int(in.int("version")), Relevant: relevant == "1", Context: text,
		CreatedAt: in.time("created"), LastUpdated: in.time("updated"), ExpiresAt: in.time("expires"),
		TTLSeconds: int(in.int("ttl")),
		MessageCounts: MessageCounts{
			Human: int(in.int("H")), Ai: int(in.int("A")), System: int(in.int("S")), Tool: int(in.int("T")),
			Other: int(in.int("F") + in.int("C") + in.int("O")),
		},
		Metadata: json.RawMessage("{}"),
	}
	if s.Trimmed = s.Base; s.Base > 0 {
		if _, ok := in.text("trimmed"); ok {
			s.Trimmed = int(in.int("trimmed"))
		}
	}
	s.MessageCounts.Total = s.Seq - s.Base - s.Removed
	s.countOf = func(letter string) int { return int(in.int(letter)) }
	if metadata, _ := in.text("metadata"); metadata != "" {
		s.Metadata = json.RawMessage(metadata)
	}
	if r.Plan {
		in.list("plan", &s.Plan)
	}
	if r.ToolCalls {
		in.list("toolcalls", &s.ToolCalls)
	}
	return s, in.err
}
