package httpapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/graph"
	"agentstate/internal/httpapi"
)

func readTrusted(manifest string) (*httpapi.TrustedDocuments, error) {
	return httpapi.ReadTrustedDocuments([]byte(manifest), graph.NewExecutableSchema(graph.Config{}).Schema(), 100)
}

// apollo is a manifest as @apollo/generate-persisted-query-manifest writes it; apolloID is its first id.
const (
	there    = `query There($id: ID!) {\n  agentStateExists(threadId: $id)\n}`
	apollo   = `{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [` + apolloOne + `, ` + apolloTwo + `]}`
	apolloID = "count-1"

	apolloOne = `{"id": "count-1", "name": "Count", "type": "query", "body": "` + counting + `"}`
	apolloTwo = `{"id": "there-1", "name": "There", "type": "query", "body": "` + there + `"}`
)

// TestManifests reads each form, and finds documents by id and by hash.
func TestManifests(t *testing.T) {
	for name, c := range map[string]struct {
		manifest, id string
		len          int
	}{
		"Apollo":             {apollo, apolloID, 2},
		"Apollo, two owners": {strings.ReplaceAll(apollo, apolloTwo, apolloOne), apolloID, 1},
		"Relay":              {`{"0123456789abcdef0123456789abcdef": "` + counting + `"}`, "0123456789abcdef0123456789abcdef", 1},
		"GraphQL Codegen":    {`{"` + sum(counting) + `": "` + counting + `", "b": "` + there + `"}`, sum(counting), 2},
	} {
		t.Run(name, func(t *testing.T) {
			documents, err := readTrusted(c.manifest)
			require.NoError(t, err)
			assert.Equal(t, c.len, documents.Len())
			s := newServer(t, func(cfg *httpapi.Config) { cfg.Trusted = documents })
			for _, id := range []string{c.id, sum(counting)} {
				assert.Equal(t, counted, s.post(t, persisted(id, "")).body, "extensions.persistedQuery")
				assert.Equal(t, counted, s.post(t, persisted(id, counting)).body, "with the text")
			}
			for _, id := range []string{c.id, "sha256:" + sum(counting)} {
				assert.Equal(t, counted, s.post(t, `{"documentId":`+quote(id)+`}`).body)
				assert.Equal(t, counted, s.get(t, []string{"documentId", id}).body)
			}
		})
	}
}

// TestBadManifests: the error names the document and says what is wrong with it.
func TestBadManifests(t *testing.T) {
	for name, c := range map[string]struct{ manifest, want string }{
		"no JSON":         {`{`, "valid JSON"},
		"a key twice":     {`{"a": "{ agentStateCount }", "a": "{ agentStateCount }"}`, `"a" is repeated`},
		"a list":          {`[]`, "JSON object"},
		"empty":           {`{}`, "no document"},
		"no operations":   {`{"format": "apollo-persisted-query-manifest", "version": 1}`, "`operations`"},
		"another version": {strings.Replace(apollo, `"version": 1`, `"version": 2`, 1), "version 1"},
		"another format":  {strings.Replace(apollo, "apollo-", "other-", 1), "apollo-persisted-query-manifest"},
		"no id":           {strings.Replace(apollo, `"id": "there-1", `, "", 1), "operation 2"},
		"no body":         {`{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "x1"}]}`, `"x1"`},
		"no text":         {`{"x1": 7}`, `"x1"`},
		"empty id":        {`{"": "{ agentStateCount }"}`, "not empty"},
		"other texts":     {strings.Replace(apollo, "there-1", apolloID, 1), `"count-1": it is there twice`},
		"no GraphQL":      {`{"ok": "{ agentStateCount }", "x1": "{"}`, `"x1"`},
		"no operation":    {`{"x1": "fragment f on Query { agentStateCount }"}`, `"x1": there is no operation`},
		"invalid":         {`{"ok": "{ agentStateCount }", "x1": "{ nothing }"}`, `document "x1": input:1:3: Cannot query field "nothing"`},
		"hidden":          {`{"x1": "{ ... @defer { agentStateCount } }"}`, "Unknown directive"},
		"too many tokens": {`{"x1": "{` + strings.Repeat(" agentStateCount", 200) + `}"}`, `"x1": input: exceeded token limit of 100`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readTrusted(c.manifest)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestOnlyTrustedDocuments: nothing else is executed over any transport, and no client adds one.
func TestOnlyTrustedDocuments(t *testing.T) {
	documents, err := readTrusted(apollo)
	require.NoError(t, err)
	documents.Only = true
	shelf := newShelf()
	shelf.texts[sum("{ __typename }")] = "{ __typename }" // of a time when all were allowed
	s := newServer(t, persisting(shelf), func(cfg *httpapi.Config) { cfg.Trusted = documents })

	for name, body := range map[string]string{
		"id":        persisted(apolloID, ""),
		"text":      `{"query":"` + counting + `"}`,
		"both":      persisted(sum(counting), counting),
		"own id":    persisted(apolloID, counting),
		"by draft":  `{"documentId":"` + apolloID + `"}`,
		"variables": `{"query":"` + there + `","variables":{"id":"there"}}`,
	} {
		assert.Contains(t, s.post(t, body).body, `{"data":`, name)
	}
	assert.Equal(t, counted, s.get(t, []string{"query", counting}).body)

	const accept = "application/graphql-response+json"
	for name, c := range map[string]struct {
		body, code string
		status     int
	}{
		"another text":       {`{"query":"{ __typename }"}`, "FORBIDDEN", 403},
		"another blank":      {`{"query":"{  agentStateCount }"}`, "FORBIDDEN", 403},
		"introspection":      {`{"query":"{ __schema { types { name } } }"}`, "FORBIDDEN", 403},
		"no GraphQL":         {`{"query":"{"}`, "FORBIDDEN", 403},
		"another hash":       {persisted(sum("{ __typename }"), ""), "PERSISTED_QUERY_NOT_FOUND", 400},
		"hash and text":      {persisted(sum("{ __typename }"), "{ __typename }"), "FORBIDDEN", 403},
		"another id":         {`{"documentId":"x"}`, "PERSISTED_QUERY_NOT_FOUND", 400},
		"id of another text": {persisted("there-1", counting), "BAD_USER_INPUT", 400},
	} {
		got := s.post(t, c.body, "Accept", accept)
		assert.Equal(t, c.status, got.status, name)
		assert.Contains(t, got.body, `"code":"`+c.code+`"`, name)
		c2 := s.dial(t, "graphql-transport-ws")
		c2.initiate(t)
		c2.write(t, `{"id":"1","type":"subscribe","payload":`+c.body+`}`)
		assert.Contains(t, c2.read(t), `"code":"`+c.code+`"`, name)
		assert.Contains(t, s.post(t, c.body, "Accept", "text/event-stream").body, `"code":"`+c.code+`"`, name)
	}
	assert.Contains(t, s.get(t, []string{"query", "{ __typename }"}).body, `"code":"FORBIDDEN"`)
	reads, saves, _ := shelf.state()
	assert.Zero(t, reads+saves, "the store of persisted queries is not asked")
}

// TestTrustedDocumentsBesideOthers: with a list that is not the only one clients may still send and persist anything.
func TestTrustedDocumentsBesideOthers(t *testing.T) {
	documents, err := readTrusted(apollo)
	require.NoError(t, err)
	shelf := newShelf()
	s := newServer(t, persisting(shelf), func(cfg *httpapi.Config) { cfg.Trusted = documents })
	const other = "{ __typename }"
	assert.JSONEq(t, notPersisted, s.post(t, persisted(sum(other), "")).body)
	assert.Contains(t, s.post(t, persisted(sum(other), other)).body, `"data"`)
	assert.Contains(t, s.post(t, persisted(sum(other), "")).body, `"data"`)
	s.post(t, persisted(sum(counting), counting))
	_, saves, _ := shelf.state()
	assert.Equal(t, 1, saves, "a trusted document needs no place in the store")
}
