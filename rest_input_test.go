package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
)

// problems are those of a 422, by where they are.
func problems(tb testing.TB, answer gqltest.Answer) (places []string, kinds []string) {
	tb.Helper()
	var got struct {
		Detail []struct {
			Loc       []any
			Msg, Type string
		}
	}
	require.NoError(tb, json.Unmarshal([]byte(answer.Body), &got), answer.Body)
	for _, p := range got.Detail {
		assert.NotEmpty(tb, p.Msg)
		places, kinds = append(places, strings.Trim(fmt.Sprint(p.Loc), "[]")), append(kinds, p.Type)
	}
	return places, kinds
}

// TestRestBadInput sends what is wrong to each endpoint: it is told where, in FastAPI's form and pydantic's words, and nothing is done.
func TestRestBadInput(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		s.restState(t, "POST", "/redis/agent-state", object{"thread_id": "a"})
		before := dump(t, s)
		const create, message, put = "/redis/agent-state", "/redis/agent-state/a/messages", "/redis/agent-state/a"
		long := strings.Repeat("x", 256)
		for _, c := range []struct {
			method, path, body string
			place, kind        string
		}{
			{"POST", create, ``, `body`, "missing"},
			{"POST", create, `  `, `body 0`, "json_invalid"},
			{"POST", create, `{"thread_id": `, `body 0`, "json_invalid"},
			{"POST", create, `{"a": NaN}`, `body 6`, "json_invalid"},
			{"POST", create, `{} {}`, `body 2`, "json_invalid"},
			{"POST", create, `{"thread_id": "x", "thread_id": "y"}`, `body 19`, "json_invalid"},
			{"POST", create, "{\"thread_id\": \"\xff\"}", `body 15`, "json_invalid"},
			{"POST", create, `{"x": ` + strings.Repeat("[", 103) + strings.Repeat("]", 103) + `}`, `body 109`, "json_invalid"},
			{"POST", create, `[]`, `body`, "model_attributes_type"},
			{"POST", create, `null`, `body`, "model_attributes_type"},
			{"POST", create, `{"thread_id": ""}`, `body thread_id`, "string_too_short"},
			{"POST", create, `{"thread_id": 5}`, `body thread_id`, "string_type"},
			{"POST", create, `{"thread_id": "` + long + `"}`, `body thread_id`, "string_too_long"},
			{"POST", create, `{"thread_id": "a\nb"}`, `body thread_id`, "value_error"},
			{"POST", create, `{"ttl_seconds": 0}`, `body ttl_seconds`, "greater_than_equal"},
			{"POST", create, `{"ttl_seconds": 31536001}`, `body ttl_seconds`, "less_than_equal"},
			{"POST", create, `{"ttl_seconds": 99999999999999999999}`, `body ttl_seconds`, "less_than_equal"},
			{"POST", create, `{"ttl_seconds": 1.5}`, `body ttl_seconds`, "int_parsing"},
			{"POST", create, `{"ttl_seconds": "soon"}`, `body ttl_seconds`, "int_parsing"},
			{"POST", create, `{"ttl_seconds": []}`, `body ttl_seconds`, "int_type"},
			{"POST", message, `{}`, `body message_type, body content`, "missing, missing"},
			{"POST", message, `{"message_type": null, "content": ["x"]}`, `body message_type, body content`, "string_type, string_type"},
			{"POST", message, `{"message_type": "", "content": ""}`, `body message_type`, "string_too_short"},
			{"POST", message, `{"message_type": "ai", "content": "", "metadata": []}`, `body metadata`, "dict_type"},
			{"POST", message, `{"message_type": "ai", "content": "", "message_id": ""}`, `body message_id`, "string_too_short"},
			{"POST", message, `{"message_type": "ai", "content": "` + strings.Repeat(long, 1024) + `x"}`, `body content`, "string_too_long"},
			{"PUT", put + "/context", `{}`, `body context`, "missing"},
			{"PUT", put + "/context", `{"context": null}`, `body context`, "string_type"},
			{"PUT", put + "/context", `{"context": "` + strings.Repeat(long, 1024) + `x"}`, `body context`, "string_too_long"},
			{"PUT", put + "/relevance", `{}`, `body relevant`, "missing"},
			{"PUT", put + "/relevance", `{"relevant": null}`, `body relevant`, "bool_type"},
			{"PUT", put + "/relevance", `{"relevant": "perhaps"}`, `body relevant`, "bool_parsing"},
			{"PUT", put + "/relevance", `{"relevant": 2}`, `body relevant`, "bool_parsing"},
			{"PUT", put, `{"thread_id": "b"}`, `body thread_id`, "value_error"},
			{"PUT", put, `{"messages": null}`, `body messages`, "list_type"},
			{"PUT", put, `{"messages": [1, {"message_type": "ai"}]}`, `body messages 0, body messages 1 content`, "dict_type, missing"},
			{"PUT", put, `{"messages": [{"message_type": "ai", "content": "", "timestamp": "today"}]}`, `body messages 0 timestamp`, "datetime_from_date_parsing"},
			{"PUT", put, `{"messages": [{"message_type": "ai", "content": "", "timestamp": 5}]}`, `body messages 0 timestamp`, "datetime_type"},
			{"PUT", put, `{"messages": [` + strings.Repeat(`{"message_type": "ai", "content": ""},`, 500) + `{"message_type": "ai", "content": ""}]}`, `body messages`, "too_long"},
			{"PUT", put, `{"reduced_context": "x"}`, `body reduced_context`, "dict_type"},
			{"PUT", put, `{"reduced_context": {"context": 5}}`, `body reduced_context context`, "string_type"},
			{"PUT", put, `{"relevant": null}`, `body relevant`, "bool_type"},
			{"PUT", put, `{"plan": {}}`, `body plan`, "list_type"},
			{"PUT", put, `{"plan": [{}]}`, `body plan 0 plan_id, body plan 0 subtasks`, "missing, missing"},
			{"PUT", put, `{"plan": [{"plan_id": "p", "subtasks": ["x", 5]}]}`, `body plan 0 subtasks 1`, "string_type"},
			{"PUT", put, `{"plan": [{"plan_id": "p", "subtasks": []}, {"plan_id": "p", "subtasks": []}]}`, `body plan 1 plan_id`, "value_error"},
			{"PUT", put, `{"tool_calls": [{"tool_id": "", "plan_id": 5}]}`, `body tool_calls 0 tool_id, body tool_calls 0 tool, body tool_calls 0 plan_id`, "string_too_short, missing, string_type"},
			{"PUT", put, `{"tool_calls": [` + strings.Repeat(`{},`, 1000) + `{}]}`, `body tool_calls`, "too_long"},
			{"POST", put + "/extend-ttl", ``, `query ttl_seconds`, "missing"},
			{"POST", put + "/extend-ttl?ttl_seconds=", ``, `query ttl_seconds`, "int_parsing"},
			{"POST", put + "/extend-ttl?ttl_seconds=-1", ``, `query ttl_seconds`, "greater_than_equal"},
			{"POST", put + "/extend-ttl?ttl_seconds=1e3.5", ``, `query ttl_seconds`, "int_parsing"},
			{"POST", "/redis/agent-state/a%0Ab/extend-ttl?ttl_seconds=x", ``, `path thread_id, query ttl_seconds`, "value_error, int_parsing"},
			{"GET", "/redis/agent-state/%FF", ``, `path thread_id`, "value_error"},
			{"GET", "/redis/agent-state/" + long, ``, `path thread_id`, "string_too_long"},
			{"GET", "/redis/agent-states?pattern=", ``, `query pattern`, "string_too_short"},
			{"GET", "/redis/agent-states?pattern=" + long, ``, `query pattern`, "string_too_long"},
			{"GET", "/redis/agent-states/recent?limit=1001", ``, `query limit`, "less_than_equal"},
			{"GET", "/redis/agent-states/recent?limit=ten", ``, `query limit`, "int_parsing"},
			{"POST", "/redis/cleanup-expired?max_age_days=90;x=1", ``, `query`, "value_error"},
			{"POST", "/redis/cleanup-expired?max_age_days=%zz", ``, `query`, "value_error"},
			{"POST", "/redis/cleanup-expired?max_age_days=90&max_age_days=x", ``, `query max_age_days`, "int_parsing"},
			{"GET", "/redis/agent-states?pattern=%zz", ``, `query`, "value_error"},
			{"POST", message, `{"message_type": "ai", "content": "` + strings.Repeat(`\u0001`, 50_000) + `"}`, `body content`, "string_too_long"},
			{"POST", "/redis/cleanup-expired?max_age_days=-1", ``, `query max_age_days`, "greater_than_equal"},
		} {
			name := fmt.Sprintf("%s %.60s %.80s", c.method, c.path, c.body)
			got := s.rest(t, c.method, c.path, c.body)
			if !assert.Equal(t, http.StatusUnprocessableEntity, got.Status, "%s: %.300s", name, got.Body) {
				continue
			}
			places, kinds := problems(t, got)
			assert.Equal(t, c.place, strings.Join(places, ", "), name)
			assert.Equal(t, c.kind, strings.Join(kinds, ", "), name)
		}
		got := s.rest(t, "POST", message, said("ai", ""), "Idempotency-Key", strings.Repeat("x", 256))
		places, _ := problems(t, got)
		assert.Equal(t, []string{"header Idempotency-Key"}, places)
		got = s.rest(t, "POST", message, said("ai", ""), "Content-Type", "application/x-www-form-urlencoded")
		_, kinds := problems(t, got)
		assert.Equal(t, []string{"model_attributes_type"}, kinds)
		unchanged(t, s, before, "bad input")
	})
}

// What pydantic takes for a value is taken here too.
func TestRestTakesWhatPydanticTook(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.restState(t, "POST", "/redis/agent-state", object{"thread_id": "a", "unknown": 1})
	for value, want := range map[string]bool{`true`: true, `1`: true, `1.0`: true, `"yes"`: true, `"ON"`: true, `"t"`: true, `false`: false, `0`: false, `"off"`: false, `"N"`: false} {
		assert.Equal(t, want, s.restState(t, "PUT", of("a", "/relevance"), `{"relevant": `+value+`}`).Relevant, value)
	}
	for _, ttl := range []string{`3600`, `3600.0`, `"3600"`, `" 3600 "`, `3.6e3`} {
		assert.Equal(t, 3600, s.restState(t, "PUT", of("a"), `{"ttl_seconds": `+ttl+`}`).TTLSeconds, ttl)
	}
	for _, kind := range []string{"", "application/json; charset=utf-8", "application/vnd.api+json"} { // Python's requests sends none with a string
		got := s.Send(t, "PUT", of("a", "/context"), `{"context": "`+kind+`"}`, "Content-Type", kind)
		assert.Equal(t, http.StatusOK, got.Status, kind)
	}
}

// TestRestDoors: the doors of GraphQL are those of the endpoints, and speak in their form.
func TestRestDoors(t *testing.T) {
	t.Parallel()
	s := start(t, "MAX_REQUEST_BYTES=4096")
	s.restState(t, "POST", "/redis/agent-state", object{"thread_id": "a"})
	large := string(encode(t, said("human", strings.Repeat("x", 5000))))
	got := s.rest(t, "POST", of("a", "/messages"), large)
	assert.Equal(t, http.StatusRequestEntityTooLarge, got.Status)
	assert.JSONEq(t, `{"detail": "Send a request body of at most 4096 bytes."}`, got.Body)
	var packed bytes.Buffer
	packer := gzip.NewWriter(&packed)
	_, _ = packer.Write([]byte(large))
	require.NoError(t, packer.Close())
	got = s.rest(t, "POST", of("a", "/messages"), packed.String(), "Content-Encoding", "gzip")
	assert.Equal(t, http.StatusRequestEntityTooLarge, got.Status, "unpacked it is as large")
	packed.Reset()
	packer.Reset(&packed)
	_, _ = packer.Write(encode(t, said("human", "packed")))
	require.NoError(t, packer.Close())
	got = s.rest(t, "POST", of("a", "/messages"), packed.String(), "Content-Encoding", "gzip")
	assert.Equal(t, http.StatusOK, got.Status, got.Body)

	before := dump(t, s)
	for _, c := range []struct{ method, path string }{{"GET", of("a")}, {"POST", of("a", "/messages")}, {"PUT", of("a")}, {"DELETE", of("a")}} {
		for _, foreign := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}, {"Origin", "null", "Upgrade", "websocket", "Connection", "Upgrade"}} {
			got := s.Send(t, c.method, c.path, `{"message_type":"ai","content":""}`, foreign...)
			assert.Equal(t, http.StatusForbidden, got.Status, "%s %v", c.method, foreign)
			assert.Contains(t, detail(t, got), "CORS_ALLOWED_ORIGINS")
		}
		request, err := http.NewRequestWithContext(patient(t), c.method, s.URL+c.path, strings.NewReader("{}"))
		require.NoError(t, err)
		request.Host = "evil.example" // which points to this host
		response, err := s.HTTP.Do(request)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, errors.Join(err, response.Body.Close()))
		assert.Equal(t, http.StatusForbidden, response.StatusCode)
		assert.Contains(t, string(body), `{"detail":"Use localhost`)
	}
	unchanged(t, s, before, "foreign pages")
}

func TestRestPagesOfAllowedOrigins(t *testing.T) {
	t.Parallel()
	s := start(t, "CORS_ALLOWED_ORIGINS=https://app.example")
	got := s.Send(t, "OPTIONS", of("a"), "", "Origin", "https://app.example", "Access-Control-Request-Method", "PUT",
		"Access-Control-Request-Headers", "authorization,content-type,idempotency-key")
	assert.Equal(t, http.StatusOK, got.Status)
	assert.Equal(t, "PUT", got.Header.Get("Access-Control-Allow-Methods"))
	assert.Equal(t, "https://app.example", got.Header.Get("Access-Control-Allow-Origin"))
	got = s.Send(t, "POST", "/redis/agent-state", `{"thread_id":"a"}`, "Origin", "https://app.example")
	assert.Equal(t, http.StatusOK, got.Status)
	assert.Equal(t, "https://app.example", got.Header.Get("Access-Control-Allow-Origin"))
}

func TestRestRates(t *testing.T) {
	t.Parallel()
	s := start(t, "MAX_REQUESTS_PER_SECOND=1", "MAX_REQUEST_BURST=2")
	var got gqltest.Answer
	for range 4 {
		got = s.rest(t, "GET", of("a", "/exists"), nil)
	}
	assert.Equal(t, http.StatusTooManyRequests, got.Status)
	assert.NotEmpty(t, got.Header.Get("Retry-After"))
	assert.Contains(t, detail(t, got), "Send at most 1 requests per second")
}

// Paths and methods that there are not are told as FastAPI does.
func TestRestRoutes(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.restState(t, "POST", "/redis/agent-state", object{"thread_id": "a"})
	for _, path := range []string{"/redis/", "/redis/nothing", "/redis/agent-state/a/b", "/redis/agent-state/"} {
		got := s.Send(t, "GET", path, "")
		assert.Contains(t, []int{http.StatusNotFound, http.StatusMethodNotAllowed}, got.Status, path)
		assert.Contains(t, []string{`{"detail":"Not Found"}`, `{"detail":"Method Not Allowed"}`}, got.Body, path)
	}
	got := s.Send(t, "PATCH", of("a"), "{}")
	assert.Equal(t, http.StatusMethodNotAllowed, got.Status)
	assert.Equal(t, "GET, PUT, DELETE, OPTIONS", got.Header.Get("Allow"))
	assert.JSONEq(t, `{"detail": "Method Not Allowed"}`, got.Body)
	got = s.Send(t, "OPTIONS", of("a/b", "/messages"), "")
	assert.Equal(t, http.StatusNoContent, got.Status)
	assert.Equal(t, "POST, OPTIONS", got.Header.Get("Allow"))
	got = s.Send(t, "GET", of("a", "/ttl/?x=1"), "") // followed by the client
	assert.Equal(t, http.StatusOK, got.Status, "a slash at the end")
	assert.Contains(t, got.Body, `"thread_id":"a"`)
}

func TestRestCanBeOff(t *testing.T) {
	t.Parallel()
	s := start(t, "REST_ENDPOINTS=off")
	for _, path := range []string{of("a"), "/redis/openapi.yaml", "/redis/"} {
		got := s.Send(t, "GET", path, "")
		assert.Equal(t, http.StatusNotFound, got.Status)
		assert.Equal(t, "NOT_FOUND", got.Errors(t)[0].Code())
	}
}
