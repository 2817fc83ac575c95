package store

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Channel is where the events of one thread are announced.
type Channel string

// Channel gives the channel of a thread.
func (t *Threads) Channel(threadID string) Channel { return Channel(t.keysOf(threadID).channel) }

// EventKind is what happened to a thread.
type EventKind byte

// What happens to threads, as scripts/lib.lua announces it.
const (
	Created EventKind = 'c'
	Updated EventKind = 'u'
	Deleted EventKind = 'd'
	Expired EventKind = 'x'
)

// Event is an announcement on a channel. It is a hint: Redis pub/sub may lose it, and a listener that must miss nothing reads
// the thread when it has reason to. Joined events come from the Events itself.
type Event struct {
	Channel Channel
	// Joined says that the channel is subscribed from here on, again or for the first time: what was announced before may
	// have been missed. The other fields are zero then.
	Joined bool

	Kind    EventKind
	Epoch   Epoch
	Version int
	// Seq is that of the thread's last message.
	Seq int
	// Edits counts the changes of messages that were there already.
	Edits int

	element string
}

// Announced gives the message that an event of the thread brought, decoded; not ok where it brought none.
func (t *Threads) Announced(threadID string, e Event) (m *Message, ok bool) {
	if e.element == "" {
		return nil, false
	}
	m, err := t.decode(threadID, e.Epoch, e.element)
	return m, err == nil && m.Seq == e.Seq
}

// errEvent says that an announcement is not of our making.
var errEvent = errors.New("store: an announcement is malformed")

// parseEvent reads what scripts/lib.lua announced: <kind>:<epoch>:<version>:<seq>:<edits>:<element or nothing>.
func parseEvent(channel, payload string) (Event, error) {
	parts := strings.SplitN(payload, ":", 6)
	if len(parts) != 6 || !slices.Contains([]string{"c", "u", "d", "x"}, parts[0]) {
		return Event{}, errEvent
	}
	version, err1 := strconv.Atoi(parts[2])
	seq, err2 := strconv.Atoi(parts[3])
	edits, err3 := strconv.Atoi(parts[4])
	if err := errors.Join(err1, err2, err3); err != nil {
		return Event{}, fmt.Errorf("%w: %w", errEvent, err)
	}
	return Event{
		Channel: Channel(channel), Kind: EventKind(parts[0][0]), Epoch: Epoch(parts[1]),
		Version: version, Seq: seq, Edits: edits, element: parts[5],
	}, nil
}
