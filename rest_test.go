package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
	"agentstate/internal/redistest"
)

// described checks answers by the description that the server gives of itself.
var described = sync.OnceValues(func() (validator.Validator, error) {
	text, err := os.ReadFile("internal/rest/openapi.yaml")
	if err != nil {
		return nil, err
	}
	document, err := libopenapi.NewDocument(text)
	if err != nil {
		return nil, err
	}
	v, errs := validator.NewValidator(document)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	return v, nil
})

// rest sends a request to a REST endpoint, body as JSON unless it is a string, and holds the answer against the description.
func (s *server) rest(tb testing.TB, method, path string, body any, header ...string) gqltest.Answer {
	tb.Helper()
	text, ok := body.(string)
	if !ok && body != nil {
		encoded, err := json.Marshal(body)
		require.NoError(tb, err)
		text = string(encoded)
	}
	if text != "" {
		header = append([]string{"Content-Type", "application/json"}, header...)
	}
	answer := s.Send(tb, method, path, text, header...)
	asDescribed(tb, method, path, text, answer)
	return answer
}

// asDescribed wants an answer to be as it is described.
func asDescribed(tb testing.TB, method, path, body string, answer gqltest.Answer) {
	tb.Helper()
	v, err := described()
	require.NoError(tb, err)
	request, err := http.NewRequest(method, "http://host"+path, strings.NewReader(body))
	require.NoError(tb, err)
	response := &http.Response{StatusCode: answer.Status, Header: answer.Header, Body: io.NopCloser(strings.NewReader(answer.Body))}
	if ok, errs := v.ValidateHttpResponse(request, response); !ok {
		assert.Fail(tb, "it is not as described", "%s %s: %v\n%d %.2000s", method, path, errs, answer.Status, answer.Body)
	}
}

// document is a thread as the endpoints give it.
type document struct {
	ThreadID      string         `json:"thread_id"`
	Messages      []restMessage  `json:"messages"`
	MessageCounts map[string]int `json:"message_counts"`
	Reduced       struct {
		Context string `json:"context"`
	} `json:"reduced_context"`
	Relevant    bool             `json:"relevant"`
	Plan        []map[string]any `json:"plan"`
	ToolCalls   []map[string]any `json:"tool_calls"`
	CreatedAt   time.Time        `json:"created_at"`
	LastUpdated time.Time        `json:"last_updated"`
	TTLSeconds  int              `json:"ttl_seconds"`
}

type restMessage struct {
	Type      string          `json:"message_type"`
	Content   string          `json:"content"`
	Timestamp time.Time       `json:"timestamp"`
	Metadata  json.RawMessage `json:"metadata"`
}

// restState sends a request that must give a thread.
func (s *server) restState(tb testing.TB, method, path string, body any, header ...string) document {
	tb.Helper()
	answer := s.rest(tb, method, path, body, header...)
	require.Equal(tb, http.StatusOK, answer.Status, answer.Body)
	var d document
	require.NoError(tb, json.Unmarshal([]byte(answer.Body), &d), answer.Body)
	return d
}

// detail is that of an error.
func detail(tb testing.TB, answer gqltest.Answer) string {
	tb.Helper()
	var got struct{ Detail string }
	require.NoError(tb, json.Unmarshal([]byte(answer.Body), &got), answer.Body)
	return got.Detail
}

// of is the path of a thread.
func of(id string, more ...string) string {
	return "/redis/agent-state/" + url.PathEscape(id) + strings.Join(more, "")
}

func TestOpenAPIDocumentIsServedAndValid(t *testing.T) {
	t.Parallel()
	v, err := described()
	require.NoError(t, err)
	ok, errs := v.ValidateDocument()
	assert.True(t, ok, "%v", errs)
	s := start(t)
	got := s.Send(t, http.MethodGet, "/redis/openapi.yaml", "", "Accept-Encoding", "identity")
	assert.Equal(t, http.StatusOK, got.Status)
	assert.Equal(t, "application/yaml", got.Header.Get("Content-Type"))
	text, err := os.ReadFile("internal/rest/openapi.yaml")
	require.NoError(t, err)
	assert.Equal(t, string(text), got.Body)
}

func TestRestEndpoints(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		created := s.restState(t, "POST", "/redis/agent-state", object{"thread_id": "a", "ttl_seconds": 600})
		assert.Equal(t, "a", created.ThreadID)
		assert.Equal(t, 600, created.TTLSeconds)
		assert.Equal(t, map[string]int{"message_count": 0, "human_messages": 0, "ai_messages": 0}, created.MessageCounts)
		assert.NotNil(t, created.Messages)
		assert.Equal(t, created.CreatedAt, created.LastUpdated)

		posted := s.restState(t, "POST", of("a", "/messages"), `{"message_type": "human", "content": "hi <b>\u00e9</b>", "metadata": {"n": 1.10, "big": 12345678901234567890}}`)
		require.Len(t, posted.Messages, 1)
		assert.Equal(t, "human", posted.Messages[0].Type)
		assert.Equal(t, "hi <b>é</b>", posted.Messages[0].Content)
		assert.Equal(t, `{"big":12345678901234567890,"n":1.10}`, string(posted.Messages[0].Metadata), "the digits stay")
		assert.Equal(t, 1, posted.MessageCounts["human_messages"])

		context := s.restState(t, "PUT", of("a", "/context"), object{"context": "what was said"})
		assert.Equal(t, "what was said", context.Reduced.Context)
		assert.Len(t, context.Messages, 1)
		relevance := s.restState(t, "PUT", of("a", "/relevance"), object{"relevant": true})
		assert.True(t, relevance.Relevant)
		assert.Equal(t, relevance, s.restState(t, "GET", of("a"), nil))

		assert.JSONEq(t, `{"exists": true, "thread_id": "a"}`, s.rest(t, "GET", of("a", "/exists"), nil).Body)
		assert.JSONEq(t, `{"exists": false, "thread_id": "b"}`, s.rest(t, "GET", of("b", "/exists"), nil).Body)
		assert.JSONEq(t, `{"message": "TTL extended for thread a"}`, s.rest(t, "POST", of("a", "/extend-ttl?ttl_seconds=5000"), nil).Body)
		var left struct{ TTL int }
		require.NoError(t, json.Unmarshal([]byte(s.rest(t, "GET", of("a", "/ttl"), nil).Body), &left))
		assert.InDelta(t, 5000, left.TTL, 60)
		assert.JSONEq(t, `{"ttl": -2, "thread_id": "b"}`, s.rest(t, "GET", of("b", "/ttl"), nil).Body, "as Redis has it")

		s.restState(t, "POST", "/redis/agent-state", object{"thread_id": "ab"})
		assert.JSONEq(t, `{"thread_ids": ["a", "ab"], "count": 2}`, s.rest(t, "GET", "/redis/agent-states", nil).Body)
		assert.JSONEq(t, `{"thread_ids": ["ab"], "count": 1}`, s.rest(t, "GET", "/redis/agent-states?pattern=*b", nil).Body)
		assert.JSONEq(t, `{"thread_ids": [], "count": 0}`, s.rest(t, "GET", "/redis/agent-states?pattern=c*", nil).Body)
		var recent struct {
			States []document `json:"agent_states"`
			Count  int
		}
		require.NoError(t, json.Unmarshal([]byte(s.rest(t, "GET", "/redis/agent-states/recent?limit=1", nil).Body), &recent))
		assert.Equal(t, 1, recent.Count)
		assert.Equal(t, "ab", recent.States[0].ThreadID)
		require.NoError(t, json.Unmarshal([]byte(s.rest(t, "GET", "/redis/agent-states/recent", nil).Body), &recent))
		assert.Equal(t, 2, recent.Count)
		assert.Equal(t, "a", recent.States[1].ThreadID)
		assert.Len(t, recent.States[1].Messages, 1)
		assert.JSONEq(t, `{"agent_states": [], "count": 0}`, s.rest(t, "GET", "/redis/agent-states/recent?limit=0", nil).Body)

		assert.JSONEq(t, `{"message": "Agent state deleted for thread ab"}`, s.rest(t, "DELETE", of("ab"), nil).Body)
		assert.JSONEq(t, `{"deleted_count": 0, "max_age_days": 30}`, s.rest(t, "POST", "/redis/cleanup-expired", nil).Body)
		assert.JSONEq(t, `{"deleted_count": 1, "max_age_days": 0}`, s.rest(t, "POST", "/redis/cleanup-expired?max_age_days=0", nil).Body)
	})
}

// What is not there is a 404 by the old service's words, whichever way it is asked for.
func TestRestAbsentThreads(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		for _, c := range []struct {
			method, path string
			body         any
		}{
			{"GET", "", nil},
			{"DELETE", "", nil},
			{"PUT", "", object{"relevant": true}},
			{"PUT", "", object{"messages": []object{}}},
			{"POST", "/messages", object{"message_type": "ai", "content": ""}},
			{"PUT", "/context", object{"context": ""}},
			{"PUT", "/relevance", object{"relevant": false}},
			{"POST", "/extend-ttl?ttl_seconds=1", nil},
		} {
			got := s.rest(t, c.method, of("no such", c.path), c.body)
			assert.Equal(t, http.StatusNotFound, got.Status, "%s %s", c.method, c.path)
			assert.JSONEq(t, `{"detail": "Agent state not found for thread no such"}`, got.Body)
		}
	})
}

func TestRestCreate(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		first := s.restState(t, "POST", "/redis/agent-state", object{})
		second := s.restState(t, "POST", "/redis/agent-state", object{"thread_id": nil, "ttl_seconds": nil})
		assert.Len(t, first.ThreadID, 36)
		assert.NotEqual(t, first.ThreadID, second.ThreadID)
		assert.Equal(t, 2_592_000, second.TTLSeconds)

		once := s.restState(t, "POST", "/redis/agent-state", object{"thread_id": "x", "ttl_seconds": "60"})
		assert.Equal(t, once, s.restState(t, "POST", "/redis/agent-state", object{"thread_id": "x", "ttl_seconds": 60.0}), "it is the same again")
		assert.Equal(t, http.StatusConflict, s.rest(t, "POST", "/redis/agent-state", object{"thread_id": "x", "ttl_seconds": 61}).Status)
		s.restState(t, "POST", of("x", "/messages"), object{"message_type": "human", "content": "kept"})
		before := dump(t, s)
		got := s.rest(t, "POST", "/redis/agent-state", object{"thread_id": "x", "ttl_seconds": 60})
		assert.Equal(t, http.StatusConflict, got.Status, "the old service emptied the thread")
		assert.Contains(t, detail(t, got), "Agent state already exists for thread x")
		unchanged(t, s, before, "create")
	})
}

// No character of an id has a meaning, in no path and no pattern.
func TestRestThreadIDs(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		for _, id := range []string{
			"a/b", "a//b/", "/", "..", "a:b{c}*?[d]", "100%", "%2F", "a b+c", "?x=1#y", "你好 🙂", "recent", "messages", "a;b,c", strings.Repeat("é", 127),
		} {
			created := s.Send(t, "POST", "/redis/agent-state", string(encode(t, object{"thread_id": id})))
			require.Equal(t, http.StatusOK, created.Status, "%q %s", id, created.Body)
			for _, path := range []string{"", "/exists", "/ttl"} {
				got := s.Send(t, "GET", of(id, path), "")
				require.Equal(t, http.StatusOK, got.Status, "%q %s %s", id, path, got.Body)
				var named struct {
					ThreadID string `json:"thread_id"`
					Exists   *bool
					TTL      *int
				}
				require.NoError(t, json.Unmarshal([]byte(got.Body), &named))
				assert.Equal(t, id, named.ThreadID)
				assert.True(t, named.Exists == nil || *named.Exists, id)
				assert.True(t, named.TTL == nil || *named.TTL > 0, id)
			}
			posted := s.Send(t, "POST", of(id, "/messages"), `{"message_type":"human","content":"x"}`)
			assert.Equal(t, http.StatusOK, posted.Status, posted.Body)
			assert.NotNil(t, read(t, s, id, "version"), "GraphQL has it too: %q", id)
			got := s.Send(t, "DELETE", of(id), "")
			assert.JSONEq(t, string(encode(t, object{"message": "Agent state deleted for thread " + id})), got.Body)
		}
	})
}

func encode(tb testing.TB, value any) []byte {
	tb.Helper()
	text, err := json.Marshal(value)
	require.NoError(tb, err)
	return text
}

// What came in comes out the same, and GraphQL knows the types that it has.
func TestRestMessageTypes(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		s.restState(t, "POST", "/redis/agent-state", object{"thread_id": "a"})
		types := []string{"human", "ai", "system", "tool", "function", "chat", "other", "HUMAN", "user", "HumanMessage", "Ünïcode \"quoted\""}
		want := []string{"HUMAN", "AI", "SYSTEM", "TOOL", "FUNCTION", "CHAT", "OTHER", "OTHER", "OTHER", "OTHER", "OTHER"}
		for _, kind := range types {
			s.restState(t, "POST", of("a", "/messages"), object{"message_type": kind, "content": kind, "metadata": nil})
		}
		s.Must(t, addMessages, vars{"input": object{"threadId": "a", "messages": []object{
			{"type": "AI", "content": []any{object{"type": "text", "text": "two "}, "parts"}}, {"type": "OTHER", "content": "", "responseMetadata": object{"message_type": 5}},
		}}}, nil)
		got := s.restState(t, "GET", of("a"), nil)
		require.Len(t, got.Messages, len(types)+2)
		var had []string
		for _, m := range read(t, s, "a", "messages(first: 1000) { nodes { type text } }").Messages.Nodes {
			had = append(had, m.Type)
		}
		assert.Equal(t, append(want, "AI", "OTHER"), had)
		for i, kind := range types {
			assert.Equal(t, kind, got.Messages[i].Type)
			assert.Equal(t, "{}", string(got.Messages[i].Metadata))
		}
		assert.Equal(t, "two parts", got.Messages[len(types)].Content, "blocks are their text")
		assert.Equal(t, "other", got.Messages[len(types)+1].Type)
		assert.Equal(t, map[string]int{"message_count": len(types) + 2, "human_messages": 1, "ai_messages": 2}, got.MessageCounts)
	})
}

func TestRestMessagesAreStoredOnce(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		s.restState(t, "POST", "/redis/agent-state", object{"thread_id": "a"})
		hi := object{"message_type": "human", "content": "hi"}
		named := object{"message_type": "human", "content": "hi", "message_id": "m1"}
		for i, c := range []struct {
			body   object
			header []string
			id     string
			again  bool
			total  int
		}{
			{named, nil, "m1", false, 1},
			{named, nil, "m1", true, 1},
			{hi, []string{"Idempotency-Key", "m1"}, "m1", true, 1},
			{hi, []string{"Idempotency-Key", `"k 2"`}, "k%202", false, 2},
			{hi, []string{"Idempotency-Key", "k 2"}, "k%202", true, 2},
			{named, []string{"Idempotency-Key", "k 3"}, "m1", true, 2},
			{hi, nil, "", false, 3},
		} {
			got := s.rest(t, "POST", of("a", "/messages"), c.body, c.header...)
			require.Equal(t, http.StatusOK, got.Status, got.Body)
			if c.id != "" {
				assert.Equal(t, c.id, got.Header.Get("Message-Id"), i)
			}
			assert.Equal(t, c.again, got.Header.Get("Idempotent-Replayed") == "true", i)
			assert.Len(t, s.restState(t, "GET", of("a"), nil).Messages, c.total, i)
			assert.NotContains(t, got.Body, "message_id", "no client sees a field that it does not know")
		}
		got := s.rest(t, "POST", of("a", "/messages"), object{"message_type": "human", "content": "another", "message_id": "m1"})
		assert.Equal(t, http.StatusConflict, got.Status)
		assert.Contains(t, detail(t, got), `"m1"`)
		// GraphQL's message of that content is the same one.
		var dup struct{ AddMessages struct{ Duplicates int } }
		s.Must(t, addMessages, vars{"input": object{"threadId": "a", "messages": []object{{"messageId": "m1", "type": "HUMAN", "content": "hi", "metadata": object{}}}}}, &dup)
		assert.Equal(t, 1, dup.AddMessages.Duplicates)
	})
}

func TestRestPreferMinimal(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, c := range []struct {
		method, path string
		body         object
	}{
		{"POST", "/redis/agent-state", object{"thread_id": "a"}},
		{"POST", of("a", "/messages"), object{"message_type": "ai", "content": "x"}},
		{"PUT", of("a", "/context"), object{"context": "x"}},
		{"PUT", of("a", "/relevance"), object{"relevant": true}},
		{"PUT", of("a"), object{"messages": []object{{"message_type": "ai", "content": "x"}, {"message_type": "ai", "content": "y"}}}},
		{"PUT", of("a"), object{"relevant": false}},
	} {
		got := s.rest(t, c.method, c.path, c.body, "Prefer", "respond-async, return=minimal")
		assert.Equal(t, http.StatusNoContent, got.Status, "%s %s %s", c.method, c.path, got.Body)
		assert.Equal(t, "return=minimal", got.Header.Get("Preference-Applied"))
		assert.Empty(t, got.Body)
	}
	assert.Len(t, s.restState(t, "GET", of("a"), nil).Messages, 2)
}

// A message that is posted reaches the subscribers of GraphQL, and so does what else is changed.
func TestRestReachesSubscribers(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		s.restState(t, "POST", "/redis/agent-state", object{"thread_id": "a"})
		var streams []*gqltest.Stream
		for _, transport := range gqltest.Transports {
			stream, _, _ := follow(t, s, transport, "a")
			streams = append(streams, stream)
		}
		changes, version := watch(t, s, gqltest.Transports[0], "a")
		s.restState(t, "POST", of("a", "/messages"), object{"message_type": "human", "content": "by REST"})
		for _, stream := range streams {
			for got := nextMessage(t, stream); got.Text != "by REST"; got = nextMessage(t, stream) {
				require.Equal(t, "probe", got.Text)
			}
		}
		assert.Equal(t, version+1, nextChange(t, changes).Version)
		s.restState(t, "PUT", of("a", "/context"), object{"context": "new"})
		assert.Equal(t, "new", nextChange(t, changes).AgentState.Context)
		s.rest(t, "DELETE", of("a"), nil)
		assert.Equal(t, "DELETED", nextChange(t, changes).Kind)
	})
}

// 64 clients post to one thread at once: nothing is lost, and the counts are right.
func TestRestConcurrentPosts(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		s.restState(t, "POST", "/redis/agent-state", object{"thread_id": "a"})
		const clients, each = 64, 5
		var all sync.WaitGroup
		for client := range clients {
			all.Go(func() {
				for i := range each {
					got := s.Send(t, "POST", of("a", "/messages"), fmt.Sprintf(`{"message_type":"human","content":"%d-%d"}`, client, i))
					assert.Equal(t, http.StatusOK, got.Status, got.Body)
					var d document
					if assert.NoError(t, json.Unmarshal([]byte(got.Body), &d)) {
						assert.Len(t, d.Messages, d.MessageCounts["message_count"], "an answer is as of one moment")
					}
				}
			})
		}
		all.Wait()
		got := s.restState(t, "GET", of("a"), nil)
		seen := make(map[string]bool)
		for _, m := range got.Messages {
			seen[m.Content] = true
		}
		assert.Len(t, got.Messages, clients*each)
		assert.Len(t, seen, clients*each)
		assert.Equal(t, clients*each, got.MessageCounts["human_messages"])
	})
}

// While Redis is away everything is a 503 that says when to come again, and nothing is said not to be there.
func TestRestWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	own := redistest.Start(t)
	s := start(t, at(own.Addr())...)
	s.restState(t, "POST", "/redis/agent-state", object{"thread_id": "a"})
	own.Kill()
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"POST", "/redis/agent-state", object{}},
		{"GET", of("a"), nil},
		{"PUT", of("a"), object{}},
		{"DELETE", of("a"), nil},
		{"POST", of("a", "/messages"), object{"message_type": "ai", "content": ""}},
		{"PUT", of("a", "/context"), object{"context": ""}},
		{"PUT", of("a", "/relevance"), object{"relevant": false}},
		{"GET", of("a", "/exists"), nil},
		{"GET", of("a", "/ttl"), nil},
		{"POST", of("a", "/extend-ttl?ttl_seconds=1"), nil},
		{"GET", "/redis/agent-states", nil},
		{"GET", "/redis/agent-states/recent", nil},
		{"POST", "/redis/cleanup-expired", nil},
	} {
		got := s.rest(t, c.method, c.path, c.body)
		assert.Equal(t, http.StatusServiceUnavailable, got.Status, "%s %s %s", c.method, c.path, got.Body)
		assert.Equal(t, "1", got.Header.Get("Retry-After"))
		assert.Contains(t, detail(t, got), "try again")
		assert.NotContains(t, got.Body, own.Addr())
	}
}

// A thread with many messages comes in parts, whole, in order and without being in memory as a whole.
func TestRestLargeThreads(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		const batches, each = 12, 500
		create(t, s, "a")
		for b := range batches {
			messages := make([]object, each)
			for i := range messages {
				messages[i] = object{"type": "HUMAN", "content": fmt.Sprintf("%d %s", b*each+i, strings.Repeat("x", 300))}
			}
			add(t, s, "a", messages...)
		}
		for _, encoding := range []string{"identity", "gzip"} {
			answer := s.Send(t, "GET", of("a"), "", "Accept-Encoding", encoding)
			require.Equal(t, http.StatusOK, answer.Status)
			assert.Empty(t, answer.Header.Get("Content-Length"), "it is in parts")
			if encoding == "gzip" {
				assert.Equal(t, "gzip", answer.Header.Get("Content-Encoding"))
				answer.Body = gunzipped(t, answer.Body)
			}
			var got document
			require.NoError(t, json.Unmarshal([]byte(answer.Body), &got))
			require.Len(t, got.Messages, batches*each)
			for i, m := range got.Messages {
				require.True(t, strings.HasPrefix(m.Content, fmt.Sprintf("%d ", i)), "%d %.20s", i, m.Content)
			}
			assert.Equal(t, batches*each, got.MessageCounts["message_count"])
		}
		ids := make([]string, 0, 2500)
		for i := range 2500 {
			ids = append(ids, fmt.Sprintf("t%04d", i))
		}
		var all sync.WaitGroup
		for part := range 5 {
			all.Go(func() {
				for _, id := range ids[part*500 : (part+1)*500] {
					create(t, s, id)
				}
			})
		}
		all.Wait()
		var list struct {
			IDs   []string `json:"thread_ids"`
			Count int
		}
		require.NoError(t, json.Unmarshal([]byte(s.rest(t, "GET", "/redis/agent-states?pattern=t*", nil).Body), &list))
		assert.Equal(t, ids, list.IDs)
		assert.Equal(t, len(ids), list.Count)
	})
}

func gunzipped(tb testing.TB, text string) string {
	tb.Helper()
	unpacker, err := gzip.NewReader(bytes.NewReader([]byte(text)))
	require.NoError(tb, err)
	plain, err := io.ReadAll(unpacker)
	require.NoError(tb, err)
	return string(plain)
}
