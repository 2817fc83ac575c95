package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// oldClient is a client as users of the replaced service have written it: with a plain HTTP client, a body without more headers than
// it needs, types that take no field that they do not know, and an exception for whatever is not a 200. Only its base URL is new.
type oldClient struct {
	base string
	http *http.Client
}

// oldState is strict, as a dataclass made by State(**answer) is.
type oldState struct {
	ThreadID string `json:"thread_id"`
	Messages []struct {
		MessageType string         `json:"message_type"`
		Content     string         `json:"content"`
		Timestamp   string         `json:"timestamp"`
		Metadata    map[string]any `json:"metadata"`
	} `json:"messages"`
	MessageCounts struct {
		MessageCount  int `json:"message_count"`
		HumanMessages int `json:"human_messages"`
		AIMessages    int `json:"ai_messages"`
	} `json:"message_counts"`
	ReducedContext struct {
		Context string `json:"context"`
	} `json:"reduced_context"`
	Relevant bool `json:"relevant"`
	Plan     []struct {
		PlanID   string   `json:"plan_id"`
		Subtasks []string `json:"subtasks"`
	} `json:"plan"`
	ToolCalls []struct {
		ToolID       string         `json:"tool_id"`
		PlanID       string         `json:"plan_id"`
		Tool         string         `json:"tool"`
		Parameters   map[string]any `json:"parameters"`
		ToolResponse any            `json:"tool_response"`
	} `json:"tool_calls"`
	CreatedAt   string `json:"created_at"`
	LastUpdated string `json:"last_updated"`
	TTLSeconds  int    `json:"ttl_seconds"`
}

func (c oldClient) call(method, path string, body, into any) error {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, c.base+path, sent)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		var e struct{ Detail any }
		if err := json.NewDecoder(response.Body).Decode(&e); err != nil {
			return err
		}
		return fmt.Errorf("%d: %v", response.StatusCode, e.Detail)
	}
	decoder := json.NewDecoder(response.Body)
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// TestOldClientNeedsOnlyTheNewHost plays a conversation of an agent through a client of the replaced service.
func TestOldClientNeedsOnlyTheNewHost(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		c := oldClient{base: "http://" + s.addr + "/redis", http: &http.Client{Timeout: 30 * time.Second}}
		t.Cleanup(c.http.CloseIdleConnections)
		var state oldState
		require.NoError(t, c.call("POST", "/agent-state", map[string]any{"thread_id": "user-42:session/7", "ttl_seconds": 3600}, &state))
		thread := "/agent-state/" + url.PathEscape(state.ThreadID)

		for i, said := range []struct{ kind, content string }{{"human", "What is the weather?"}, {"ai", "Where?"}, {"human", "In Lisbon."}} {
			require.NoError(t, c.call("POST", thread+"/messages", map[string]any{"message_type": said.kind, "content": said.content, "metadata": map[string]any{"turn": i}}, &state))
			last := state.Messages[len(state.Messages)-1]
			assert.Equal(t, said.kind, last.MessageType)
			assert.Equal(t, said.content, last.Content)
			assert.InDelta(t, i, last.Metadata["turn"], 0)
			_, err := time.Parse("2006-01-02T15:04:05.999999-07:00", last.Timestamp) // as fromisoformat reads it
			require.NoError(t, err)
		}
		assert.Equal(t, 3, state.MessageCounts.MessageCount)
		assert.Equal(t, 2, state.MessageCounts.HumanMessages)
		assert.Equal(t, 1, state.MessageCounts.AIMessages)

		require.NoError(t, c.call("PUT", thread+"/context", map[string]any{"context": "weather in Lisbon"}, &state))
		require.NoError(t, c.call("PUT", thread+"/relevance", map[string]any{"relevant": true}, &state))
		require.NoError(t, c.call("PUT", thread, map[string]any{
			"plan":       []any{map[string]any{"plan_id": "p1", "subtasks": []string{"look", "answer"}}},
			"tool_calls": []any{map[string]any{"tool_id": "t1", "plan_id": "p1", "tool": "weather", "parameters": map[string]any{"city": "Lisbon"}, "tool_response": map[string]any{"celsius": 21.5}}},
		}, &state))

		// Read, change, write all of it back.
		var whole oldState
		require.NoError(t, c.call("GET", thread, nil, &whole))
		assert.Equal(t, state, whole)
		whole.ReducedContext.Context += ", answered"
		require.NoError(t, c.call("PUT", thread, whole, &state))
		assert.Equal(t, "weather in Lisbon, answered", state.ReducedContext.Context)
		assert.Equal(t, whole.Messages, state.Messages)
		assert.Equal(t, "look", state.Plan[0].Subtasks[0])
		assert.Equal(t, map[string]any{"celsius": 21.5}, state.ToolCalls[0].ToolResponse)
		assert.True(t, state.Relevant)

		var exists struct {
			Exists   bool   `json:"exists"`
			ThreadID string `json:"thread_id"`
		}
		require.NoError(t, c.call("GET", thread+"/exists", nil, &exists))
		assert.True(t, exists.Exists)
		var message struct {
			Message string `json:"message"`
		}
		require.NoError(t, c.call("POST", thread+"/extend-ttl?ttl_seconds=7200", nil, &message))
		var ttl struct {
			TTL      int    `json:"ttl"`
			ThreadID string `json:"thread_id"`
		}
		require.NoError(t, c.call("GET", thread+"/ttl", nil, &ttl))
		assert.Greater(t, ttl.TTL, 3600)
		var list struct {
			ThreadIDs []string `json:"thread_ids"`
			Count     int      `json:"count"`
		}
		require.NoError(t, c.call("GET", "/agent-states?pattern="+url.QueryEscape("user-42:*"), nil, &list))
		assert.Equal(t, []string{"user-42:session/7"}, list.ThreadIDs)
		var recent struct {
			States []oldState `json:"agent_states"`
			Count  int        `json:"count"`
		}
		require.NoError(t, c.call("GET", "/agent-states/recent?limit=5", nil, &recent))
		require.Len(t, recent.States, 1)
		assert.Len(t, recent.States[0].Messages, 3)

		require.NoError(t, c.call("DELETE", thread, nil, &message))
		assert.Equal(t, "Agent state deleted for thread user-42:session/7", message.Message)
		require.EqualError(t, c.call("GET", thread, nil, &state), "404: Agent state not found for thread user-42:session/7")
		var cleaned struct {
			Deleted int `json:"deleted_count"`
			Days    int `json:"max_age_days"`
		}
		require.NoError(t, c.call("POST", "/cleanup-expired?max_age_days=7", nil, &cleaned))
		assert.Equal(t, 7, cleaned.Days)
	})
}
