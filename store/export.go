package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/redis/go-redis/v9"
)

const (
	// exportFirst is how many messages are read together with a thread; what lies behind is read in parts.
	exportFirst = 16
	// exportMost and exportBytes bound a part, by the size of the messages so far.
	exportMost  = 1000
	exportBytes = 1 << 20
	// exportAttempts bounds how often a thread is begun again because its messages are changed while it is read.
	exportAttempts = 20
	// exportPage is how many threads are listed at once.
	exportPage = 1000
)

// Exporting says what to export.
type Exporting struct {
	// Owner, where it is set, is whose threads are exported; nil for everybody's.
	Owner *string
	// Pattern is a glob for thread ids; empty for all.
	Pattern string
	// Progress, where it is set, hears how many threads of about how many were written; the latter is 0 where that is not known.
	Progress func(done, total int)
}

// ExportReport is what came of an export.
type ExportReport struct {
	Threads  int `json:"threads"`
	Messages int `json:"messages"`
	// Damaged are threads that could not be read as they lie in Redis, so that they were left out: owner and id.
	Damaged []string `json:"damaged"`
}

// Export writes threads as lines, in the order of owners and ids. Each thread is as of one instant, whole or not at all; threads that are
// made or deleted meanwhile may be there or not. Its memory does not grow with threads or messages: it holds a page of ids, and of a
// thread the record and about 1 MiB of messages.
func (s *Store) Export(ctx context.Context, w io.Writer, o Exporting) (*ExportReport, error) {
	x := &exporter{s: s, out: newMoveWriter(w), report: &ExportReport{Damaged: []string{}}, progress: o.Progress}
	owners := []string{}
	if o.Owner != nil {
		owners = append(owners, *o.Owner)
	} else {
		var err error
		if owners, err = s.allOwners(ctx); err != nil {
			return x.report, err
		}
	}
	if o.Progress != nil {
		for _, owner := range owners { // what cannot be counted is not known
			n, _ := s.For(owner).CountIDs(ctx, o.Pattern)
			x.total += n
		}
	}
	if err := x.out.begin(); err != nil {
		return x.report, err
	}
	for _, owner := range owners {
		if err := x.ofOwner(ctx, s.For(owner), o.Pattern); err != nil {
			return x.report, err
		}
	}
	return x.report, x.out.close(x.report.Threads)
}

// allOwners lists whoever has threads.
func (s *Store) allOwners(ctx context.Context) ([]string, error) {
	var owners []string
	for b := range s.keys.buckets {
		for cursor := uint64(0); ; {
			some, next, err := s.rdb.SScan(ctx, s.keys.owners(b), cursor, "", exportPage).Result()
			if err != nil {
				return nil, translate(err)
			}
			owners = append(owners, some...)
			if cursor = next; cursor == 0 {
				break
			}
		}
		slices.Sort(owners)
		owners = slices.Compact(owners)
	}
	return owners, nil
}

// exporter is an export under way.
type exporter struct {
	s        *Store
	out      *moveWriter
	report   *ExportReport
	progress func(done, total int)
	total    int
}

// ofOwner exports an owner's threads that match a glob.
func (x *exporter) ofOwner(ctx context.Context, th *Threads, pattern string) error {
	for r := (Range{First: exportPage}); ; {
		page, err := th.IDs(ctx, pattern, r)
		if err != nil {
			return err
		}
		for _, id := range page.IDs {
			if err := x.thread(ctx, th, id); err != nil {
				return fmt.Errorf("export thread %q: %w", id, err)
			}
			if x.progress != nil {
				x.progress(x.report.Threads, x.total)
			}
		}
		if !page.HasNext {
			return nil
		}
		r.After = page.End
	}
}

// errShifted says that the messages of a thread were changed while it was read.
var errShifted = errors.New("its messages are changed all the time; export again when less is written")

// thread exports a thread, if it is there.
func (x *exporter) thread(ctx context.Context, th *Threads, id string) error {
	for range exportAttempts {
		begun, messages, err := x.attempt(ctx, th, id)
		switch {
		case err == nil && begun:
			x.report.Threads++
			x.report.Messages += messages
			return nil
		case err == nil, errors.Is(err, ErrNotFound):
			return nil
		case !errors.Is(err, errShifted) && !errors.Is(err, errElement) && !errors.Is(err, errRecord):
			return err
		}
		if begun {
			if err := x.out.abandon(); err != nil {
				return err
			}
		}
		if !errors.Is(err, errShifted) {
			x.report.Damaged = append(x.report.Damaged, fmt.Sprintf("%q %q", th.owner, id))
			return nil
		}
	}
	return errShifted
}

// attempt writes a thread as it is now; begun tells that something of it was written. ErrNotFound where it is absent, and errShifted where it
// changed under the reader's hands.
func (x *exporter) attempt(ctx context.Context, th *Threads, id string) (begun bool, messages int, err error) {
	keys := th.keysOf(id)
	var clock *redis.TimeCmd
	var record *redis.MapStringStringCmd
	var list, edits *redis.StringSliceCmd
	err = x.s.readTx(ctx, func(pipe redis.Pipeliner) {
		clock, record = pipe.Time(ctx), pipe.HGetAll(ctx, keys.record)
		list, edits = pipe.LRange(ctx, keys.messages, 0, exportFirst-1), pipe.LRange(ctx, keys.edits, 0, -1)
	})
	if err != nil {
		return false, 0, err
	}
	in := recordReader{values: record.Val()}
	if in.values["epoch"] == "" || !in.time("expires").After(clock.Val()) {
		return false, 0, ErrNotFound
	}
	base, seq, size := int(in.int("base")), int(in.int("seq")), 0
	if err := x.out.thread(th.owner, id, in.values); err != nil {
		return false, 0, err
	}
	for _, text := range list.Val() {
		size += len(text)
	}
	first, err := pick(list.Val(), base+1, seq)
	if err != nil {
		return true, 0, err
	}
	next := base + 1
	take := func(elements []element) error {
		for _, e := range elements {
			if e.seq != next {
				return errElement
			}
			if err := x.out.element(e); err != nil {
				return err
			}
			if next++; e.letter != removedLetter {
				messages++
			}
		}
		return nil
	}
	if err := take(first); err != nil {
		return true, 0, err
	}
	head := Head{Epoch: Epoch(in.values["epoch"]), Seq: seq, Edits: int(in.int("edits"))}
	if err := x.rest(ctx, th, id, head, base, size/max(len(first), 1), &next, take); err != nil {
		return true, 0, err
	}
	for _, entry := range edits.Val() {
		if err := x.out.edit(entry); err != nil {
			return true, 0, err
		}
	}
	return true, messages, x.out.endThread(int64(messages))
}

// rest reads what lies behind the first messages, in parts of about 1 MiB by the mean size so far, and looks in the end that no message
// was changed since the thread was read.
func (x *exporter) rest(ctx context.Context, th *Threads, id string, head Head, base, mean int, next *int, take func([]element) error) error {
	if *next > head.Seq {
		return nil
	}
	if *next == base+1 { // the list is shorter than the record says
		return errElement
	}
	for *next <= head.Seq {
		most := min(max(exportBytes/max(mean, 1), 1), exportMost)
		p := &part{threadID: id, epoch: head.Epoch, from: *next, to: min(*next+most-1, head.Seq), base: base}
		if err := th.readParts(ctx, []*part{p}); err != nil {
			return err
		}
		if p.oldest.Epoch != head.Epoch || p.base >= p.from {
			return errShifted
		}
		if len(p.elements) == 0 {
			return errElement
		}
		size := 0
		for _, e := range p.elements {
			size += len(e.body) + len(e.id)
		}
		base, mean = p.base, size/len(p.elements)
		if err := take(p.elements); err != nil {
			return err
		}
	}
	now, err := th.heads(ctx, []string{id})
	if err == nil && (now[0].Epoch != head.Epoch || now[0].Edits != head.Edits) {
		return errShifted
	}
	return err
}
