package store

// mostWhole bounds a page that grows so that no tool call is cut from its answers.
const mostWhole = 1000

// pairing tells how far a page must go so that it cuts no tool call from its answers: at its growing end, which is the back of a page that
// is read forwards, and the front of one that is read backwards.
type pairing struct {
	forward bool
	// end is how many of the messages that were found belong to the page, as far as is known.
	end int
	// looked are the messages that were looked at, and open the ids of those in the page whose counterpart was not found.
	looked []paired
	open   map[string]bool
}

// paired are the ids of the tool calls that a message asks for, or answers.
type paired struct{ asks, answers []string }

func newPairing(k PageKey) *pairing {
	return &pairing{forward: k.First > 0, end: max(k.First, k.Last), open: make(map[string]bool)}
}

// done tells whether nothing more needs to be found.
func (p *pairing) done(found int) bool {
	return found > p.end && len(p.open) == 0 || found > mostWhole
}

// look looks at what was found since.
func (p *pairing) look(found []element) error {
	for _, e := range found[len(p.looked):] {
		one, err := pairedOf(e)
		if err != nil {
			return err
		}
		p.looked = append(p.looked, one)
		n := len(p.looked)
		if n <= p.end {
			p.include(one)
			continue
		}
		if n > mostWhole || !p.closes(one) {
			continue
		}
		for _, between := range p.looked[p.end:] {
			p.include(between)
		}
		p.end = n
	}
	return nil
}

// ends gives the ids that a message of the page waits for with, and those that it is waited for with.
func (p *pairing) ends(one paired) (opens, closes []string) {
	if p.forward {
		return one.asks, one.answers
	}
	return one.answers, one.asks
}

func (p *pairing) include(one paired) {
	opens, closes := p.ends(one)
	for _, id := range closes {
		delete(p.open, id)
	}
	for _, id := range opens {
		p.open[id] = true
	}
}

// closes tells whether a message is the counterpart of one in the page.
func (p *pairing) closes(one paired) bool {
	_, closes := p.ends(one)
	for _, id := range closes {
		if p.open[id] {
			return true
		}
	}
	return false
}

func pairedOf(e element) (paired, error) {
	var one paired
	if e.letter != letterOf[AI] && e.letter != letterOf[Tool] {
		return one, nil
	}
	var m Message
	if err := decodeBody(e.body, &m); err != nil {
		return one, errElement
	}
	if m.ToolCallID != nil {
		one.answers = []string{*m.ToolCallID}
	}
	for _, c := range m.ToolCalls {
		if c.ID != nil {
			one.asks = append(one.asks, *c.ID)
		}
	}
	return one, nil
}
