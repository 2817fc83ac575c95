package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// randomEpoch makes an epoch of 64 random bits.
func randomEpoch() Epoch {
	var raw [epochBytes]byte
	_, _ = rand.Read(raw[:]) // it never fails: crypto/rand crashes the program instead
	return Epoch(hex.EncodeToString(raw[:]))
}

// Create says what a new thread starts with.
type Create struct {
	// TTL is in whole seconds; zero for the store's default.
	TTL      time.Duration
	Context  string
	Relevant bool
	// Metadata is a JSON object; nil for an empty one.
	Metadata json.RawMessage
	Messages []*Message
}

// Append says which messages to add, in order. Each has its MessageID.
type Append struct {
	Messages []*Message
	// CreateIfMissing creates the thread, with the store's defaults, if there is none.
	CreateIfMissing bool
	// ExpectedVersion, where it is set, must be the thread's; 0 is that of a thread that does not exist.
	ExpectedVersion *int
}

// Appended is what came of an Append.
type Appended struct {
	// Messages are the stored ones, in the order in which they were given.
	Messages []*Message
	// Duplicates counts those that were there already.
	Duplicates int
	// State is the thread as of the same instant; nil where no Read was asked for.
	State *AgentState
}

// Create makes a thread, with its first messages, and reads it back as r says. ErrExists where there is one of that id.
// One round trip, and the extra ones of Get.
func (t *Threads) Create(ctx context.Context, threadID string, c Create, r Read) (*AgentState, error) {
	appended, err := t.append(ctx, threadID, "new", nil, c, &r)
	if err != nil {
		return nil, err
	}
	return appended.State, nil
}

// Append adds messages to a thread, all or none, as one change, and reads the thread back as r says; nil reads nothing.
// A message whose id the thread has with the same content is not added again, and where that is so for all of them nothing is
// changed and ExpectedVersion does not matter. Errors: ErrNotFound, *ConflictError, *MessageExistsError, *LimitError.
// One round trip, and the extra ones of Get.
func (t *Threads) Append(ctx context.Context, threadID string, a Append, r *Read) (*Appended, error) {
	mode := ""
	if a.CreateIfMissing {
		mode = "missing"
	}
	return t.append(ctx, threadID, mode, a.ExpectedVersion, Create{Messages: a.Messages}, r)
}

// append runs append.lua.
func (t *Threads) append(ctx context.Context, threadID, mode string, expected *int, c Create, r *Read) (*Appended, error) {
	opts := t.store.opts
	ttl := c.TTL
	if ttl == 0 {
		ttl = opts.TTL
	}
	args := append(make([]any, 0, 12+3*len(c.Messages)),
		t.owner, threadID, optional(expected), mode, string(opts.NewEpoch()), opts.MaxThreadMessages, opts.overflow(), opts.InlineBytes,
		int(ttl/time.Second), flag(c.Relevant), c.Context, metadataOr(c.Metadata))
	for _, m := range c.Messages {
		letter, body, err := encodeMessage(m)
		if err != nil {
			return nil, err
		}
		args = append(args, m.MessageID, letter, body)
	}
	run := call{script: appendScript, keys: t.keysOf(threadID).forScript(), args: args}
	status, reply, state, err := t.write(ctx, threadID, run, r)
	if err != nil {
		return nil, err
	}
	switch status {
	case "OK":
	case "ID_TAKEN":
		return nil, &MessageExistsError{MessageID: c.Messages[reply.int(0)-1].MessageID}
	case "FULL":
		return nil, t.store.fullThread(reply.int(0))
	default:
		return nil, statusError(status, reply)
	}
	appended := &Appended{Duplicates: reply.int(1), State: state, Messages: make([]*Message, len(c.Messages))}
	arrival := reply.text(2)
	for i := range c.Messages {
		stored := reply.text(4 + 2*i)
		if stored == "" {
			sent := args[len(args)-3*(len(c.Messages)-i):]
			stored = newElement(reply.int(3+2*i), arrival, sent[0].(string), sent[1].(string), sent[2].(string)) //nolint:forcetypeassert // see above
		}
		if appended.Messages[i], err = t.decode(threadID, Epoch(reply.text(0)), stored); err != nil {
			return nil, err
		}
	}
	return appended, nil
}

// Update says what to change of a thread. What is nil stays.
type Update struct {
	ExpectedVersion *int
	Context         *string
	Relevant        *bool
	Metadata        json.RawMessage
	// Plan and ToolCalls take the place of all that the thread has.
	Plan      *[]Plan
	ToolCalls *[]ToolExecution
	// AddPlan and AddToolCall are put behind what the thread has.
	AddPlan     *Plan
	AddToolCall *ToolExecution
	// TTL is in whole seconds; zero stands for the store's default. It never pulls a later expiry back.
	TTL *time.Duration
}

// Update changes a thread and reads it back as r says; nil reads nothing. Errors: ErrNotFound, *ConflictError, *LimitError.
// One round trip, and the extra ones of Get.
func (t *Threads) Update(ctx context.Context, threadID string, u Update, r *Read) (*AgentState, error) {
	args := []any{threadID, optional(u.ExpectedVersion)}
	fields, err := t.store.fieldsOf(u)
	if err != nil {
		return nil, err
	}
	for _, f := range fields {
		args = append(args, f.name, f.value, f.appendLimit)
	}
	run := call{script: updateScript, keys: t.keysOf(threadID).forScript(), args: args}
	status, reply, state, err := t.write(ctx, threadID, run, r)
	switch {
	case err != nil:
		return nil, err
	case status == "OK":
		return state, nil
	case status == "FULL":
		return nil, t.store.fullError(reply.text(0), reply.int(1))
	default:
		return nil, statusError(status, reply)
	}
}

// field is a change of one field of a record, as update.lua takes it.
type field struct {
	name, value string
	// appendLimit is empty where value takes the place of what is there.
	appendLimit string
}

// fieldsOf turns an update into changes of fields.
func (s *Store) fieldsOf(u Update) ([]field, error) {
	var fields []field
	set := func(name, value string) { fields = append(fields, field{name: name, value: value}) }
	if u.Context != nil {
		set("context", *u.Context)
	}
	if u.Relevant != nil {
		set("relevant", flag(*u.Relevant))
	}
	if u.Metadata != nil {
		set("metadata", string(u.Metadata))
	}
	if u.TTL != nil {
		ttl := *u.TTL
		if ttl == 0 {
			ttl = s.opts.TTL
		}
		set("ttl", strconv.FormatInt(int64(ttl/time.Second), 10))
	}
	lists := []struct {
		name  string
		value any
		adds  bool
		given bool
	}{
		{"plan", u.Plan, false, u.Plan != nil},
		{"toolcalls", u.ToolCalls, false, u.ToolCalls != nil},
		{"plan", []*Plan{u.AddPlan}, true, u.AddPlan != nil},
		{"toolcalls", []*ToolExecution{u.AddToolCall}, true, u.AddToolCall != nil},
	}
	for _, l := range lists {
		if !l.given {
			continue
		}
		value, err := encodeList(l.value)
		if err != nil {
			return nil, err
		}
		if limit := s.listLimit(l.name); len(value) > limit {
			return nil, s.fullError(l.name, len(value))
		} else if l.adds {
			fields = append(fields, field{name: l.name, value: value, appendLimit: strconv.Itoa(limit)})
		} else {
			set(l.name, value)
		}
	}
	return fields, nil
}

// encodeList gives the elements of a list as JSON with commas between and no brackets around, see recordReader.list.
func encodeList(list any) (string, error) {
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(list); err != nil {
		return "", fmt.Errorf("store: encode: %w", err)
	}
	inner := strings.TrimSpace(text.String())
	if inner == "null" {
		return "", nil
	}
	return inner[1 : len(inner)-1], nil
}

func (s *Store) listLimit(name string) int {
	if name == "plan" {
		return s.opts.MaxPlanBytes
	}
	return s.opts.MaxToolCallsBytes
}

func (s *Store) fullError(name string, actual int) error {
	what := "the size in bytes of all tool runs of a thread"
	if name == "plan" {
		what = "the size in bytes of all plans of a thread"
	}
	return &LimitError{What: what, Limit: s.listLimit(name), Actual: actual}
}

// Delete removes a thread with all that belongs to it. ErrNotFound, *ConflictError. One round trip.
func (t *Threads) Delete(ctx context.Context, threadID string, expectedVersion *int) error {
	status, reply, err := t.store.run(ctx, t.deletion(threadID, optional(expectedVersion), ""), nil)
	if err != nil || status == "OK" {
		return err
	}
	return statusError(status, reply)
}

// deletion is a run of delete.lua.
func (t *Threads) deletion(threadID, expected, guard string) call {
	return call{script: deleteScript, keys: t.keysOf(threadID).forScript(), args: []any{t.owner, threadID, expected, guard}}
}

// ExtendTTL sets the expiry of a thread to exactly so many seconds from now. ErrNotFound. One round trip.
func (t *Threads) ExtendTTL(ctx context.Context, threadID string, seconds int) (*TTL, error) {
	c := call{script: extendScript, keys: t.keysOf(threadID).forScript(), args: []any{threadID, seconds}}
	status, reply, err := t.store.run(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	if status != "OK" {
		return nil, statusError(status, reply)
	}
	in := recordReader{values: map[string]string{"expires": reply.text(0)}}
	return &TTL{TTLSeconds: seconds, ExpiresAt: in.time("expires")}, in.err
}

// write runs a script on a thread and reads the thread in the same transaction; r nil reads nothing, and gives no state.
func (t *Threads) write(ctx context.Context, threadID string, c call, r *Read) (string, reply, *AgentState, error) {
	if r == nil {
		status, reply, err := t.store.run(ctx, c, nil)
		return status, reply, nil, err
	}
	var pending *pendingThread
	status, reply, err := t.store.run(ctx, c, func(pipe redis.Pipeliner) { pending = t.queue(ctx, pipe, threadID, *r) })
	if err != nil || status != "OK" {
		return status, reply, nil, err
	}
	state, err := t.finishOne(ctx, pending)
	if err != nil {
		return "", nil, nil, fmt.Errorf("store: read after write: %w", err)
	}
	return status, reply, state, nil
}

// statusError gives the error of a status word that all scripts share.
func statusError(status string, reply reply) error {
	switch status {
	case "NOT_FOUND":
		return ErrNotFound
	case "EXISTS":
		return ErrExists
	case "CONFLICT":
		return &ConflictError{Current: reply.int(0)}
	default:
		return fmt.Errorf("%w: %s", errReply, status)
	}
}

// errUnknownType says that a message has no type of MessageType.
var errUnknownType = errors.New("store: unknown message type")

func optional(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
