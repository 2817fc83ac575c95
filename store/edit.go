package store

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

//go:embed scripts/edit.lua
var luaEdit string

//go:embed scripts/places.lua
var luaPlaces string

//go:embed scripts/cut.lua
var luaCut string

var editScript = newScript(luaEdit, true, luaPlaces, luaCut)

// Step is one change of the messages of a thread: Put, Remove or TruncateAfter.
type Step struct {
	do   string
	id   string
	put  *Message
	seq  int
	body string
}

// Put stores a message, with its MessageID, in the place of the one of that id, or behind the others where there is none.
func Put(m *Message) Step { return Step{do: "put", id: m.MessageID, put: m} }

// Remove removes the message of that id, which must be there. Its number stays without a message.
func Remove(messageID string) Step { return Step{do: "remove", id: messageID} }

// TruncateAfter removes all messages behind a sequence number, ahead of what other steps do. Their numbers stay without messages. Where that
// would be all of the thread those stay, with their numbers, with which the thread begins just as the steps behind this one put them.
func TruncateAfter(seq int) Step { return Step{do: "truncate", seq: seq} }

// swap is Put for a message that must be there with this body.
func swap(m *Message, body string) Step { return Step{do: "swap", id: m.MessageID, put: m, body: body} }

// Edit says how to change the messages of a thread, step by step. Of several steps for one message the last one counts.
type Edit struct {
	Steps []Step
	// CreateIfMissing creates the thread, with the store's defaults, if there is none.
	CreateIfMissing bool
	// ExpectedVersion, where it is set, must be the thread's; 0 is that of a thread that does not exist.
	ExpectedVersion *int
}

// Edited is what came of an Edit.
type Edited struct {
	// Messages are those that were put and have stayed, as they are stored, in the order of the steps.
	Messages []*Message
	// Unchanged counts those of them that the thread had already, with the same content.
	Unchanged int
	// Removed counts the messages that are gone.
	Removed int
	// State is the thread as of the same instant; nil where no Read was asked for.
	State *AgentState
}

// Edit changes messages that a thread has and adds others, all steps or none, as one change, and reads the thread back as r says; nil
// reads nothing. Where everything is so already nothing is changed, and ExpectedVersion does not matter. Errors: ErrNotFound,
// *MessageMissingError, *ConflictError, *LimitError, and ErrUnavailable where others change the messages all the time while there are more
// than a thousand to be cut off behind some that stay. One round trip, and the extra ones of Get; in that case some for each thousand.
func (t *Threads) Edit(ctx context.Context, threadID string, e Edit, r *Read) (*Edited, error) {
	args := t.newThreadArgs(threadID, e.CreateIfMissing, e.ExpectedVersion, 5*len(e.Steps))
	for _, step := range e.Steps {
		letter, body := "", ""
		if step.put != nil {
			var err error
			if letter, body, err = encodeMessage(step.put); err != nil {
				return nil, err
			}
		}
		if step.do == "truncate" {
			args = append(args, step.do, step.seq, "", "", "") // the columns of a staged cut
		} else {
			args = append(args, step.do, step.id, letter, body, step.body)
		}
	}
	c := call{script: editScript, keys: t.keysOf(threadID).forScript(), args: args}
	status, reply, state, err := t.write(ctx, threadID, c, r)
	if status == "LONG" {
		status, reply, state, err = t.cutLong(ctx, threadID, c, e.Steps, reply.int(0), r)
	}
	if err != nil {
		return nil, err
	}
	switch status {
	case "OK":
	case "MISSING":
		return nil, &MessageMissingError{MessageID: e.Steps[reply.int(0)-1].id}
	case "MOVED":
		return nil, errMessageMoved
	case "FULL":
		return nil, t.store.fullThread(reply.int(0))
	default:
		return nil, statusError(status, reply)
	}
	edited := &Edited{Unchanged: reply.int(1), Removed: reply.int(2), State: state}
	for i, step := range e.Steps {
		if step.put == nil || reply.text(4+2*i) == "" {
			continue
		}
		m, err := t.decode(threadID, Epoch(reply.text(0)), reply.text(4+2*i))
		if err != nil {
			return nil, err
		}
		edited.Messages = append(edited.Messages, m)
	}
	return edited, nil
}

// newThreadArgs are the arguments ahead of the messages of append.lua and edit.lua, for a thread that is created with the defaults;
// with room for more.
func (t *Threads) newThreadArgs(threadID string, create bool, expected *int, more int) []any {
	mode := ""
	if create {
		mode = "missing"
	}
	opts := t.store.opts
	return append(make([]any, 0, 12+more),
		t.owner, threadID, optional(expected), mode, string(opts.NewEpoch()), opts.MaxThreadMessages, opts.overflow(), opts.InlineBytes,
		int(opts.TTL/time.Second), "0", "", "{}")
}

// errMessageMoved says that a message is not what it was when it was read.
var errMessageMoved = errors.New("store: the message has changed meanwhile")

// changeAttempts is how often a message that others change meanwhile is read again to be changed.
const changeAttempts = 20

// ChangeMessage changes one message: change gets it as it is stored and makes of it what it shall be, more than once where others
// change it meanwhile. Its id and its number stay. Then it reads the thread as r says; nil reads nothing. Errors: ErrNotFound,
// *MessageMissingError, *ConflictError, what change gives, and ErrUnavailable where others change it all the time. Two round trips.
func (t *Threads) ChangeMessage(
	ctx context.Context, threadID, messageID string, expected *int, change func(*Message) error, r *Read,
) (*Message, *AgentState, error) {
	for range changeAttempts {
		m, body, err := t.stored(ctx, threadID, messageID)
		if err != nil {
			return nil, nil, err
		}
		if err := change(m); err != nil {
			return nil, nil, err
		}
		m.MessageID = messageID
		edited, err := t.Edit(ctx, threadID, Edit{Steps: []Step{swap(m, body)}, ExpectedVersion: expected}, r)
		if errors.Is(err, errMessageMoved) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		return edited.Messages[0], edited.State, nil
	}
	return nil, nil, fmt.Errorf("%w: %w", ErrUnavailable, errMessageMoved)
}

// stored reads a message as its writer gave it, and its body.
func (t *Threads) stored(ctx context.Context, threadID, messageID string) (*Message, string, error) {
	c := call{script: messageScript, keys: t.keysOf(threadID).forScript(), args: []any{messageID}}
	status, reply, err := t.store.run(ctx, c, nil)
	switch {
	case err != nil:
		return nil, "", err
	case status == "NO_MESSAGE":
		return nil, "", &MessageMissingError{MessageID: messageID}
	case status != "OK":
		return nil, "", statusError(status, reply)
	}
	e, err := parseElement(reply.text(1))
	if err != nil {
		return nil, "", err
	}
	m := &Message{}
	if err := decodeBody(e.body, m); err != nil {
		return nil, "", fmt.Errorf("%w: %w", errElement, err)
	}
	m.MessageID, m.Type = e.id, typeOf[e.letter]
	return m, e.body, nil
}

// encodeMessage gives the letter and the body of a message.
func encodeMessage(m *Message) (letter, body string, err error) {
	letter, ok := letterOf[m.Type]
	if !ok {
		return "", "", fmt.Errorf("%w: %q", errUnknownType, m.Type)
	}
	body, err = encodeBody(m)
	return letter, body, err
}

// overflow says what append.lua does beyond the limit of messages.
func (o Options) overflow() string {
	if o.Trim {
		return "trim"
	}
	return "refuse"
}

// fullThread says that a thread would have more messages than it may.
func (s *Store) fullThread(actual int) error {
	return &LimitError{What: "the number of messages in a thread", Limit: s.opts.MaxThreadMessages, Actual: actual}
}

// metadataOr gives a JSON object, {} for nil.
func metadataOr(metadata json.RawMessage) string {
	if metadata == nil {
		return "{}"
	}
	return string(metadata)
}
