package httpapi_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/httpapi"
)

const (
	jsonType    = "application/json; charset=utf-8"
	graphqlType = "application/graphql-response+json; charset=utf-8"
)

// Whether a failed request is told by the status is what distinguishes the two media types.
func TestStatusByMediaType(t *testing.T) {
	s := newServer(t)
	const queryOf = `{"query":%q}`
	for name, c := range map[string]struct {
		body            string
		legacy, current int
		want            string
	}{
		"answer":            {`{"query":"{ agentStateCount }"}`, 200, 200, `{"data":{"agentStateCount":42}}`},
		"null data":         {fmt.Sprintf(queryOf, `{ agentStateExists(threadId: "fail") }`), 200, 200, `"data":null`},
		"parse error":       {`{"query":"{"}`, 200, 400, `"code":"GRAPHQL_PARSE_FAILED"`},
		"validation error":  {`{"query":"{ nothing }"}`, 200, 400, `"code":"GRAPHQL_VALIDATION_FAILED"`},
		"bad variable":      {`{"query":"query($i: ID!) { agentStateExists(threadId: $i) }","variables":{"i":{}}}`, 200, 400, `"extensions":{"argument":"threadId","code":"BAD_USER_INPUT"}`},
		"missing operation": {`{"query":"query A { agentStateCount }","operationName":"B"}`, 200, 400, `has no operation \"B\"`},
		"unnamed operation": {`{"query":"query A { agentStateCount } query B { agentStateCount }"}`, 200, 400, "the document has several"},
		"unknown hash":      {`{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}}}`, 200, 400, `"code":"PERSISTED_QUERY_NOT_FOUND"`},
		"no JSON":           {`{"query"`, 400, 400, `"code":"BAD_USER_INPUT"`},
		"no query":          {`{}`, 400, 400, `"code":"BAD_USER_INPUT"`},
	} {
		t.Run(name, func(t *testing.T) {
			for media, status := range map[string]int{"application/json": c.legacy, "application/graphql-response+json": c.current} {
				got := s.post(t, c.body, "Accept", media)
				assert.Equal(t, status, got.status, media)
				assert.Equal(t, media+"; charset=utf-8", got.header.Get("Content-Type"))
				assert.Equal(t, "no-store", got.header.Get("Cache-Control"))
				assert.Contains(t, got.body, c.want, media)
				assert.True(t, json.Valid([]byte(got.body)), got.body)
				if name != "answer" && name != "null data" {
					assert.NotContains(t, got.body, `"data"`, "the request was not executed")
				}
			}
		})
	}
}

func TestParametersMustHaveTheirTypes(t *testing.T) {
	s := newServer(t)
	for body, want := range map[string]string{
		`{"query":1}`:                            "Give `query` as a string.",
		`{"query":null}`:                         "Give `query` as a GraphQL document.",
		`{"query":""}`:                           "Give `query` as a GraphQL document.",
		`{"Query":"{ agentStateCount }"}`:        "Give `query` as a GraphQL document.",
		`{"extensions":{"persistedQuery":null}}`: "Give `query` as a GraphQL document.",
		`{"query":"{ agentStateCount }","operationName":{}}`:   "Give `operationName` as a string or null.",
		`{"query":"{ agentStateCount }","variables":[]}`:       "Give `variables` as an object or null.",
		`{"query":"{ agentStateCount }","variables":"{}"}`:     "Give `variables` as an object or null.",
		`{"query":"{ agentStateCount }","extensions":0}`:       "Give `extensions` as an object or null.",
		`[{"query":"{ agentStateCount }"}]`:                    "Send a request body that is a JSON object.",
		`null`:                                                 "Send a request body that is a JSON object.",
		``:                                                     "Send a request body that is valid JSON: it ends too early.",
		`{"query":"{ agentStateCount }"}{}`:                    "Send a request body that is a single JSON value, with nothing behind it.",
		`{"query":"{ agentStateCount }","query":"{ health }"}`: `Send a request body that has each object key once: "query" is repeated.`,
	} {
		got := s.post(t, body)
		assert.Equal(t, 400, got.status, body)
		want, err := json.Marshal(want)
		require.NoError(t, err)
		argument := ""
		if _, rest, ok := strings.Cut(string(want), "`"); ok {
			name, _, _ := strings.Cut(rest, "`")
			argument = `,"argument":"` + name + `"`
		}
		assert.JSONEq(t, `{"errors":[{"message":`+string(want)+`,"extensions":{"code":"BAD_USER_INPUT"`+argument+`}}]}`, got.body, body)
	}
}

func TestNullsAndUnknownParametersAreIgnored(t *testing.T) {
	s := newServer(t)
	got := s.post(t, `{"query":"{ agentStateCount }","operationName":null,"variables":null,"extensions":null,"id":7}`)
	assert.Equal(t, 200, got.status)
	assert.Equal(t, `{"data":{"agentStateCount":42}}`, got.body)
}

func TestContentOfAPost(t *testing.T) {
	s := newServer(t)
	const body = `{"query":"{ agentStateCount }"}`
	for name, c := range map[string]struct {
		header []string
		status int
	}{
		"none":              {nil, 415},
		"a form":            {[]string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		"text":              {[]string{"Content-Type", "text/plain"}, 415},
		"another charset":   {[]string{"Content-Type", "application/json; charset=latin1"}, 415},
		"compressed":        {[]string{"Content-Type", "application/json", "Content-Encoding", "br"}, 415},
		"utf-8":             {[]string{"Content-Type", "application/json; charset=UTF-8"}, 200},
		"uncompressed":      {[]string{"Content-Type", "application/json", "Content-Encoding", "identity"}, 200},
		"an HTTP/2 upgrade": {[]string{"Content-Type", "application/json", "Upgrade", "h2c"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.send(t, http.MethodPost, "/graphql", body, c.header...)
			assert.Equal(t, c.status, got.status)
			if c.status == 415 {
				assert.Contains(t, got.body, `"code":"BAD_USER_INPUT"`)
			}
		})
	}
}

func TestBodyLimit(t *testing.T) {
	const limit = 1000
	s := newServer(t, func(c *httpapi.Config) { c.MaxRequestBytes = limit })
	body := func(size int) string {
		const head, tail = `{"query":"{ agentStateCount }","pad":"`, `"}`
		return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
	}

	assert.Equal(t, 200, s.post(t, body(limit)).status)

	got := s.post(t, body(limit+1))
	assert.Equal(t, 413, got.status)
	assert.JSONEq(t, `{"errors":[{"message":"Send a request body of at most 1000 bytes.",
		"extensions":{"code":"LIMIT_EXCEEDED","limit":1000,"actual":1001}}]}`, got.body)

	// In chunks nobody knows the length beforehand. http.NewRequest knows that of the readers of strings only.
	for size, status := range map[int]int{limit: 200, limit + 1: 413, 50 * limit: 413} {
		content := io.MultiReader(strings.NewReader(body(size)))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/graphql", content)
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		res, err := s.Client().Do(req)
		require.NoError(t, err)
		got, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		assert.Equal(t, status, res.StatusCode, size)
		if status == 413 {
			assert.JSONEq(t, `{"errors":[{"message":"Send a request body of at most 1000 bytes.",
				"extensions":{"code":"LIMIT_EXCEEDED","limit":1000,"actual":1001}}]}`, string(got))
		}
	}
}

func TestBodyThatBreaksOff(t *testing.T) {
	s := newServer(t)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer res.Body.Close()
	assert.Equal(t, 400, res.StatusCode)
}

// An answer in which a subscription's first event would stand alone would be taken for all there is.
func TestSubscriptionNeedsAStream(t *testing.T) {
	s := newServer(t)
	const subscription = `subscription { agentStateChanged(threadId: "a") { version } }`
	for _, got := range []answer{
		s.post(t, `{"query":`+quote(subscription)+`}`),
		s.post(t, `{"query":`+quote(subscription)+`}`, "Accept", "application/graphql-response+json"),
		s.get(t, []string{"query", subscription}),
	} {
		assert.Equal(t, 406, got.status)
		assert.Contains(t, got.body, "Subscribe with `Accept: text/event-stream`, with `Accept: multipart/mixed;subscriptionSpec=1.0`, or over a WebSocket.")
		assert.Contains(t, got.body, `"code":"BAD_USER_INPUT"`)
		assert.NotContains(t, got.body, `"data"`)
	}
	assert.Empty(t, s.stub.subscribed)
}

func TestAnswerBelongsToTheMediaTypeThatWasAsked(t *testing.T) {
	s := newServer(t)
	for accept, want := range map[string]string{
		"":                     jsonType,
		"*/*":                  jsonType,
		"application/*":        jsonType,
		"application/json":     jsonType,
		"text/html, */*;q=0.8": jsonType,
		"application/json;q=0.5, application/graphql-response+json;q=0.9": graphqlType,
		"application/graphql-response+json, application/json;q=0.9":       graphqlType,
	} {
		got := s.post(t, `{"query":"{ agentStateCount }"}`, "Accept", accept)
		assert.Equal(t, 200, got.status, accept)
		assert.Equal(t, want, got.header.Get("Content-Type"), accept)
	}
	got := s.post(t, `{"query":"{ agentStateCount }"}`, "Accept", "text/html, application/json;q=0")
	assert.Equal(t, 406, got.status)
	assert.Contains(t, got.body, "Accept application/graphql-response+json, application/json, text/event-stream or multipart/mixed;subscriptionSpec=1.0.")
}

// A server that stops cancels what it executes, which is no answer and no error of the client.
func TestCancelledExecutionCanBeSentAgain(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.Extensions = append(c.Extensions, cancelled{}) })
	got := s.post(t, `{"query":"{ agentStateCount }"}`)
	assert.Equal(t, 503, got.status)
	assert.Equal(t, "1", got.header.Get("Retry-After"))
	assert.Contains(t, got.body, `"code":"UNAVAILABLE"`)
}

func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}

// Fragments that spread the next one twice are a small document and a huge tree, which nothing may walk.
func TestFragmentsThatFanOut(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.MaxQueryTokens = 2000 })
	var document strings.Builder
	document.WriteString("query($x: ID!) { ...f0 }")
	for i := range 100 {
		fmt.Fprintf(&document, " fragment f%d on Query { ...f%d ...f%d }", i, i+1, i+1)
	}
	document.WriteString(" fragment f100 on Query { agentStateExists(threadId: $x) }")
	got := s.post(t, `{"query":`+quote(document.String())+`,"variables":{"x":true}}`)
	assert.Contains(t, got.body, `"argument":"threadId"`)
}
