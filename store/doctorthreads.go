package store

import (
	"context"
	_ "embed"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"
)

//go:embed scripts/examine.lua
var luaExamine string

//go:embed scripts/examinemessages.lua
var luaExamineMessages string

//go:embed scripts/examineids.lua
var luaExamineIDs string

//go:embed scripts/examinecounts.lua
var luaExamineCounts string

//go:embed scripts/examineowner.lua
var luaExamineOwner string

// examining makes a script of the doctor; one that may repair is never sent twice.
func examining(source string) func(fix bool) script {
	looks, fixes := newScript(source, false), newScript(source, true)
	return func(fix bool) script {
		if fix {
			return fixes
		}
		return looks
	}
}

var (
	examineThread   = examining(luaExamine)
	examineMessages = examining(luaExamineMessages)
	examineIDs      = examining(luaExamineIDs)
	examineCounts   = examining(luaExamineCounts)
	examineOwner    = examining(luaExamineOwner)
)

// threadName names a thread of any owner.
type threadName struct{ owner, id string }

func (n threadName) String() string {
	if n.id == "" {
		return strconv.Quote(n.owner)
	}
	return strconv.Quote(n.owner) + " " + strconv.Quote(n.id)
}

// sighting is where something of a thread was seen: the kind of the key or of the index.
type sighting struct {
	threadName
	kind string
}

// texts are what a finding about threads means, and what to do. All but malformed can be repaired.
var texts = map[string]struct {
	severity Severity
	text     string
}{
	"malformed":      {Problem, "A thread is not in the form that this program writes, so that it cannot be read or repaired; look at its keys, and delete the thread if nobody else needs them."},
	"index-updated":  {Problem, "The index by last update is wrong about a thread, so that lists leave it out or misplace it; repair it with --fix."},
	"index-expires":  {Problem, "The index by expiry is wrong about a thread, so that it is listed wrongly or never cleared away; repair it with --fix."},
	"index-id":       {Problem, "The index by id is wrong about a thread, so that lists of ids leave it out; repair it with --fix."},
	"owner":          {Problem, "The owner of a thread is not listed in its bucket, so that his expired threads are never cleared away; repair it with --fix."},
	"ttl":            {Problem, "A key of a thread would outlive the thread, or go before it; repair it with --fix."},
	"messages-lost":  {Problem, "A thread has not the messages that its record counts, as after an eviction: what is gone is gone; --fix lets the thread go on with those that are left, under new cursors."},
	"message-ids":    {Problem, "The ids of a thread's messages do not lead to them, so that a repeated message may be stored twice; repair it with --fix."},
	"message-counts": {Problem, "The counts of a thread's messages by type are wrong; repair them with --fix."},
	"leftover":       {Problem, "Something is left of a thread that is gone, so that it takes memory or is listed; clear it away with --fix."},
	"unswept":        {Warning, "A thread that has expired more than ten minutes ago was not cleared away: no server runs, or it fails to; look at its log, or use --fix."},
	"empty-owner":    {Warning, "An owner is listed in a bucket in which he has no threads, which costs a little time; repair it with --fix."},
}

// found notes a finding about a thread, repaired if it is of those that can be and it was asked for.
func (d *doctor) found(code string, name threadName) {
	known := d.add(code, texts[code].severity, texts[code].text, name.String())
	if d.Fix && code != "malformed" {
		known.Fixed++
	}
}

func (d *doctor) mode() string {
	if d.Fix {
		return "fix"
	}
	return "look"
}

// examineThreads looks at threads of which something was seen. Whose record is there is looked at where the record is seen, and who has
// left something where the first of it is, so that each counts once.
func (d *doctor) examineThreads(ctx context.Context, seen []sighting) error {
	seen, err := d.worthALook(ctx, seen)
	if err != nil || len(seen) == 0 {
		return err
	}
	calls := make([]call, len(seen))
	for i, one := range seen {
		args := []any{one.owner, one.id, d.mode(), sweepGrace.Microseconds(), string(d.s.opts.NewEpoch())}
		calls[i] = call{script: examineThread(d.Fix), keys: d.s.keys.thread(one.owner, one.id).forScript(), args: args}
	}
	var through []messagesOf
	err = d.s.runAll(ctx, calls, func(i int, status string, r reply) {
		one := seen[i]
		if status == "GONE" {
			if code := r.text(1); code != "" && (d.Fix || r.text(0) == one.kind) { // what is cleared away is seen once
				d.found(code, one.threadName)
			}
			return
		}
		if one.kind != "t" {
			return // it came meanwhile
		}
		d.report.Examined.Threads++
		d.report.Buckets[d.s.keys.bucketOf(one.owner, one.id)].Threads++
		if m, wanted := d.foundAlive(one.threadName, r); wanted {
			through = append(through, m)
		}
	})
	for i := 0; i < len(through) && err == nil; i++ {
		err = d.examineMessages(ctx, through[i])
	}
	return err
}

// foundAlive notes what examine.lua has found of a thread, and tells whether to go through its messages. While some are lost, ids and
// counts cannot be right either.
func (d *doctor) foundAlive(name threadName, r reply) (m messagesOf, through bool) {
	m = messagesOf{name: name, epoch: r.text(0)}
	through = d.Deep
	for at := 3; at < len(r); at++ {
		switch code := r.text(at); code {
		case "message-ids":
			through = true
		case "message-counts":
			m.counts, through = true, true
		case "malformed":
			d.found(code, name)
			return m, false
		case "messages-lost":
			if d.found(code, name); !d.Fix {
				return m, false
			}
			through = true
		default:
			d.found(code, name)
		}
	}
	return m, through
}

// worthALook leaves out the sightings of threads whose record is there, unless it is the record that was seen.
func (d *doctor) worthALook(ctx context.Context, seen []sighting) ([]sighting, error) {
	there := make([]*redis.IntCmd, len(seen))
	_, err := d.s.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, one := range seen {
			if one.kind != "t" {
				there[i] = pipe.Exists(ctx, d.s.keys.thread(one.owner, one.id).record)
			}
		}
		return nil
	})
	if err != nil {
		return nil, translate(err)
	}
	i := -1
	return slices.DeleteFunc(seen, func(sighting) bool {
		i++
		return there[i] != nil && there[i].Val() > 0
	}), nil
}
