package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

// ruleOf reads the rights of a user from docs/operations.md.
func ruleOf(tb testing.TB, user string) []string {
	tb.Helper()
	text, err := os.ReadFile("../docs/operations.md")
	require.NoError(tb, err)
	found := regexp.MustCompile(`(?m)^user ` + user + ` (.+)$`).FindSubmatch(text)
	require.NotNil(tb, found)
	return strings.Fields(string(found[1]))
}

// TestACLRule: with the rights that docs/operations.md gives, everything works, and each of them is needed.
func TestACLRule(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	admin := server.Client()
	attempt := func(user string, rule []string, do func(*Store, *redis.Client) error) error {
		args := []any{"acl", "setuser", user}
		for _, word := range rule {
			args = append(args, word)
		}
		require.NoError(t, admin.Do(t.Context(), args...).Err())
		require.NoError(t, admin.ScriptFlush(t.Context()).Err(), "so that they are sent with their source again")
		s := openWith(t, func() Options {
			o := DefaultOptions()
			o.Prefix, o.SweepInterval, o.LayoutInterval = "thread:"+user, 0, 0
			o.Connection.URL = "redis://" + user + ":password@" + server.Addr()
			o.MaxThreadMessages, o.Trim = 4, true
			return o
		}())
		return do(s, admin)
	}
	rule := ruleOf(t, "agentstate")
	require.NoError(t, attempt("all", rule, everyOperation))
	for i, word := range rule {
		if !strings.HasPrefix(word, "+") {
			continue
		}
		less := append(append([]string{}, rule[:i]...), rule[i+1:]...)
		require.Error(t, attempt(fmt.Sprintf("less%d", i), less, everyOperation), "%s is not needed", word)
	}
	require.Error(t, attempt("elsewhere", append([]string{"reset"}, strings.Split(strings.ReplaceAll(strings.Join(rule, " "), "thread:*", "other:*"), " ")...), everyOperation))

	doctors := append(append([]string{}, rule...), ruleOf(t, "doctor")...)
	require.NoError(t, attempt("doctors", doctors, everyOperationAndTheDoctor))
	require.Error(t, attempt("nodoctor", rule, everyOperationAndTheDoctor))
}

// everyOperation does what a server does, and gives what is refused.
func everyOperation(s *Store, admin *redis.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), eventPatience)
	defer cancel()
	th := s.For("ann")
	var errs []error
	try := func(name string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	events := s.Events(ctx)
	defer events.Close()
	try("subscribe", events.Subscribe(ctx, th.Channel("one")))
	_, err := events.Receive(ctx, func() {})
	try("receive", err)

	_, err = th.Create(ctx, "one", Create{Messages: numbered(1, 3)}, everything)
	try("create", err)
	_, err = th.Append(ctx, "one", Append{Messages: numbered(3, 4)}, &everything) // one of them again, and some are trimmed
	try("append", err)
	edited, err := th.Edit(ctx, "one", Edit{Steps: []Step{TruncateAfter(6), Put(say("m5", "new")), Put(say("m11", "more")), Remove("m4")}}, &everything)
	try("edit", err)
	if err == nil {
		_, _, err = th.EditsAfter(ctx, "one", EditCursor{Epoch: edited.State.Epoch}, 10)
	}
	try("edits", err)
	_, err = th.Fork(ctx, "one", "fork", Fork{}, &everything)
	try("fork", err)
	_, err = th.Get(ctx, "one", Read{PendingToolCalls: true})
	try("pending", err)
	text := "context"
	_, err = th.Update(ctx, "one", Update{Context: &text, AddPlan: &Plan{PlanID: "p"}}, &everything)
	try("update", err)
	_, err = th.ExtendTTL(ctx, "one", 1000)
	try("extend", err)
	_, err = th.Message(ctx, "one", "m5")
	try("message", err)
	_, err = th.TTL(ctx, "one")
	try("ttl", err)
	_, err = th.Heads(ctx, []string{"one", "none"})
	try("heads", err)
	_, err = s.Allow(ctx, "ann", 1, 1)
	try("allow", err)
	future := time.Now().Add(time.Hour)
	for _, pattern := range []string{"", "o*", "*ne", "?ne"} {
		for _, r := range []Range{{First: 5}, {Last: 5}} {
			_, err = th.List(ctx, Filter{ThreadIDPattern: pattern, UpdatedBefore: &future}, r)
			try("list", err)
			_, err = th.IDs(ctx, pattern, r)
			try("ids", err)
		}
		_, err = th.Count(ctx, Filter{ThreadIDPattern: pattern, UpdatedBefore: &future})
		try("count", err)
	}
	// Threads past their expiry, in the lists and for who clears them away.
	_, err = th.Create(ctx, "lapsed", Create{}, Read{})
	try("create", err)
	keys := th.keysOf("lapsed")
	try("lapse", errors.Join(admin.HSet(ctx, keys.record, "expires", 1).Err(), admin.ZAdd(ctx, keys.expires, redis.Z{Score: 1, Member: "lapsed"}).Err()))
	_, err = th.Count(ctx, Filter{UpdatedBefore: &future})
	try("count", err)
	try("sweep", s.sweeper.tick(ctx, s))
	// A list of messages that Redis has evicted.
	try("evict", admin.Del(ctx, th.keysOf("one").messages).Err())
	_, err = th.Append(ctx, "one", Append{Messages: numbered(8, 1)}, nil)
	try("append", err)

	try("document", s.SaveDocument(ctx, "hash", "{a}", time.Minute))
	_, _, err = s.Document(ctx, "hash", time.Minute)
	try("document", err)
	if health := s.Health(ctx); health.Status != OK {
		try("health", fmt.Errorf("%v %v", health.Error, health.Warnings))
	}
	_, err = th.Cleanup(ctx, 0, false, 10)
	try("cleanup", err)
	_, err = th.Create(ctx, "two", Create{}, Read{})
	try("create", err)
	try("delete", th.Delete(ctx, "two", nil))
	try("unsubscribe", events.Unsubscribe(ctx, th.Channel("one")))
	try("subscribe", events.Subscribe(ctx, th.Channel("end")))
	for err == nil { // a refusal to unsubscribe comes ahead of this
		var e Event
		if e, err = events.Receive(ctx, func() {}); e.Joined {
			return errors.Join(errs...)
		}
	}
	return errors.Join(append(errs, err)...)
}

// everyOperationAndTheDoctor also lets the doctor look, and repair.
func everyOperationAndTheDoctor(s *Store, admin *redis.Client) error {
	ctx := context.Background()
	if err := everyOperation(s, admin); err != nil {
		return err
	}
	_, err := s.For("ann").Create(ctx, "one", Create{Messages: numbered(1, 3)}, Read{})
	if err != nil {
		return err
	}
	for _, e := range []Examination{{Deep: true}, {Deep: true, Fix: true}} {
		report, err := Examine(ctx, s.opts, e)
		if err != nil {
			return err
		}
		for _, f := range report.Findings {
			if f.Code != "persistence-off" {
				return fmt.Errorf("a finding: %s", f.Text)
			}
		}
		if len(report.Findings) == 0 {
			return errors.New("persistence is not seen")
		}
	}
	return nil
}
