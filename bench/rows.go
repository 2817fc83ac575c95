//go:build linux

package main

import (
	"context"
	"fmt"
)

// The rows whose figures others are compared with.
const (
	threadRow = "thread with its last 20 of 200 messages"
	unseenRow = "the same, a text never seen before"
	addRow    = "addMessage"
)

// operations are the rows of single operations. Reads come first: what is written would be the newest threads.
func (b *bench) operations(ctx context.Context) ([]row, error) {
	if err := b.fillReads(ctx); err != nil {
		return nil, err
	}
	add := adding{threads: b.threads, row: "add", spread: 100, held: 10}
	crowdedAdd := adding{threads: b.threads, row: "crowd", spread: 100, held: 10}
	var rows []row
	for _, r := range []struct {
		name    string
		aim     goal
		targets []*target
		kind    requests
		crowded bool
	}{
		{name: threadRow, aim: threadGoal, targets: b.targets, kind: b.readThread()},
		{name: unseenRow, aim: unseenGoal, targets: b.graphql(), kind: b.readUnseen()},
		{name: fmt.Sprintf("recent(10) of %s threads", thousands(b.recent)), aim: recentGoal, targets: b.targets, kind: b.readRecent(b.threads)},
		{name: threadRow, targets: b.floors(), kind: b.readThread(), crowded: true},
		{name: addRow, aim: addGoal, targets: b.targets, kind: add.requests()},
		{name: addRow, targets: b.floors(), kind: crowdedAdd.requests(), crowded: true},
	} {
		if b.only != nil && !b.only.MatchString(r.name) {
			continue
		}
		conns := b.conns
		if r.crowded {
			conns = b.crowded
		}
		b.say("%s, %d connections", r.name, conns)
		got, err := loaded(ctx, r.targets, b.rdb, conns, b.pace, r.kind)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
		if r.crowded {
			rows = append(rows, crowdedRow(fmt.Sprintf("%s, %d connections: p99", r.name, conns), got))
			continue
		}
		rows = append(rows, cpuRow(r.name, r.aim, got))
	}
	against(rows, unseenRow, threadRow)
	return rows, nil
}

// fillReads fills in what is read.
func (b *bench) fillReads(ctx context.Context) error {
	b.say("filling Redis")
	if err := fillAll(ctx, b.threads, readName, readThreads, threadMessages); err != nil {
		return err
	}
	return fillAll(ctx, b.threads, func(i int) string { return fmt.Sprintf("recent %06d", i) }, b.recent, 1)
}

// crowdedRow is a row of the times that one request of a hundred exceeds.
func crowdedRow(name string, of map[string]figures) row {
	r := row{Name: name, Unit: "ms", Values: make(map[string]float64), Figures: of, Base: splice}
	for server, f := range of {
		r.Values[server] = f.P99 / 1000
	}
	r.Aim = 3 * r.Values[splice]
	r.Note = fmt.Sprintf("%.2f times the floor's, 3 at most", r.Values[ours]/r.Values[splice])
	return r
}

// against gives a row that no floor has the ratio to the floor of another one.
func against(rows []row, name, base string) {
	for i := range rows {
		for _, other := range rows {
			if rows[i].Name == name && other.Name == base && other.Values[splice] > 0 {
				rows[i].Ratio, rows[i].Base = rows[i].Values[ours]/other.Values[splice], splice+", of the row above"
			}
		}
	}
}

// thousands writes a number with commas.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
