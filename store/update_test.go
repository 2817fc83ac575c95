package store

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestUpdateChangesWhatIsGiven(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		at := time.Date(2024, 5, 6, 7, 8, 9, 123456000, time.UTC)
		before := mustCreate(t, th, "one", say("a", "x"))
		want := *before
		for _, c := range []struct {
			name   string
			update Update
			change func(*AgentState)
		}{
			{"nothing", Update{}, func(*AgentState) {}},
			{"context", Update{Context: ptr("a<b>\x00\n")}, func(s *AgentState) { s.Context = "a<b>\x00\n" }},
			{"relevance", Update{Relevant: ptr(true)}, func(s *AgentState) { s.Relevant = true }},
			{"metadata", Update{Metadata: json.RawMessage(`{"b":1, "a":1.50}`)}, func(s *AgentState) { s.Metadata = json.RawMessage(`{"b":1, "a":1.50}`) }},
			{"plans", Update{Plan: &[]Plan{{PlanID: "p1", Subtasks: []string{"<x>", ""}, CreatedAt: at}}}, func(s *AgentState) {
				s.Plan = []Plan{{PlanID: "p1", Subtasks: []string{"<x>", ""}, CreatedAt: at}}
			}},
			{"a plan more", Update{AddPlan: &Plan{PlanID: "p2", Subtasks: []string{}}}, func(s *AgentState) {
				s.Plan = append(s.Plan, Plan{PlanID: "p2", Subtasks: []string{}})
			}},
			{"tool runs", Update{ToolCalls: &[]ToolExecution{{ToolID: "t1", Tool: "look", Parameters: json.RawMessage(`{"n":1.0}`), CreatedAt: at}}}, func(s *AgentState) {
				s.ToolCalls = []ToolExecution{{ToolID: "t1", Tool: "look", Parameters: json.RawMessage(`{"n":1.0}`), CreatedAt: at}}
			}},
			{"a tool run more", Update{AddToolCall: &ToolExecution{ToolID: "t2", PlanID: ptr("p1"), Parameters: json.RawMessage(`[]`), ToolResponse: json.RawMessage(`null`)}}, func(s *AgentState) {
				s.ToolCalls = append(s.ToolCalls, ToolExecution{ToolID: "t2", PlanID: ptr("p1"), Parameters: json.RawMessage(`[]`), ToolResponse: json.RawMessage(`null`)})
			}},
			{"several", Update{Context: ptr("y"), Relevant: ptr(false), AddPlan: &Plan{PlanID: "p3"}}, func(s *AgentState) {
				s.Context, s.Relevant, s.Plan = "y", false, append(s.Plan, Plan{PlanID: "p3"})
			}},
			{"no context", Update{Context: ptr("")}, func(s *AgentState) { s.Context = "" }},
			{"no plans", Update{Plan: &[]Plan{}}, func(s *AgentState) { s.Plan = []Plan{} }},
			{"the first plan again", Update{AddPlan: &Plan{PlanID: "p4"}}, func(s *AgentState) { s.Plan = []Plan{{PlanID: "p4"}} }},
			{"no tool runs", Update{ToolCalls: ptr([]ToolExecution(nil))}, func(s *AgentState) { s.ToolCalls = []ToolExecution{} }},
		} {
			got, err := th.Update(t.Context(), "one", c.update, &everything)
			require.NoError(t, err, c.name)
			got.countOf = nil
			assert.True(t, got.LastUpdated.After(want.LastUpdated), c.name)
			want.Version++
			want.LastUpdated, want.ExpiresAt = got.LastUpdated, got.LastUpdated.Add(30*day)
			c.change(&want)
			assert.Equal(t, &want, got, c.name)
		}
		state, err := th.Update(t.Context(), "one", Update{}, nil)
		require.NoError(t, err)
		assert.Nil(t, state, "no read was asked for")
	})
}

func TestUpdateRefuses(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t, func(o *Options) { o.MaxPlanBytes, o.MaxToolCallsBytes = 200, 300 }).For("ann")
		_, err := th.Update(t.Context(), "one", Update{Context: ptr("x"), ExpectedVersion: ptr(1)}, nil)
		require.ErrorIs(t, err, ErrNotFound)
		mustCreate(t, th, "one")
		_, err = th.Update(t.Context(), "one", Update{AddPlan: &Plan{PlanID: "p"}, AddToolCall: &ToolExecution{Parameters: json.RawMessage(`{}`)}}, nil)
		require.NoError(t, err)
		before := mustGet(t, th, "one")

		_, err = th.Update(t.Context(), "one", Update{Context: ptr("x"), ExpectedVersion: ptr(1)}, &everything)
		var conflict *ConflictError
		require.ErrorAs(t, err, &conflict)
		assert.Equal(t, 2, conflict.Current)
		long := strings.Repeat("x", 400)
		medium := strings.Repeat("x", 110)
		for name, c := range map[string]struct {
			update Update
			limit  int
		}{
			"plans too long":              {Update{Context: ptr("x"), Plan: &[]Plan{{PlanID: long}}}, 200},
			"a plan too long":             {Update{Context: ptr("x"), AddPlan: &Plan{PlanID: long}}, 200},
			"all plans together too long": {Update{Context: ptr("x"), AddPlan: &Plan{PlanID: medium}}, 200},
			"tool runs too long":          {Update{ToolCalls: &[]ToolExecution{{ToolID: long, Parameters: json.RawMessage(`1`)}}}, 300},
			"all tool runs too long":      {Update{Relevant: ptr(true), AddToolCall: &ToolExecution{ToolID: medium + medium, Parameters: json.RawMessage(`1`)}}, 300},
		} {
			_, err = th.Update(t.Context(), "one", c.update, nil)
			var full *LimitError
			require.ErrorAs(t, err, &full, name)
			assert.Equal(t, c.limit, full.Limit, name)
			assert.Greater(t, full.Actual, c.limit, name)
			assert.Equal(t, before, mustGet(t, th, "one"), "%s: nothing is written", name)
		}
		got, err := th.Update(t.Context(), "one", Update{ExpectedVersion: ptr(2), Context: ptr("y")}, &everything)
		require.NoError(t, err)
		assert.Equal(t, 3, got.Version)
	})
}
