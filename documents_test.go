package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
	"agentstate/internal/redistest"
)

// persisted is the body of a request that names a document by its hash, with its text or without.
func persisted(document string, withText bool, variables vars) string {
	sum := sha256.Sum256([]byte(document))
	request := vars{
		"variables":  variables,
		"extensions": vars{"persistedQuery": vars{"version": 1, "sha256Hash": hex.EncodeToString(sum[:])}},
	}
	if withText {
		request["query"] = document
	}
	body, _ := json.Marshal(request) // maps of strings and numbers
	return string(body)
}

func (s *server) persisted(tb testing.TB, document string, withText bool, variables vars) gqltest.Answer {
	tb.Helper()
	return s.Send(tb, http.MethodPost, "/graphql", persisted(document, withText, variables), "Content-Type", "application/json")
}

// TestProcessesSharePersistedQueries: what one process was told by Apollo's protocol every other one knows, by POST and by GET; that
// goes on for all when it was unknown to Redis for a while.
func TestProcessesSharePersistedQueries(t *testing.T) {
	t.Parallel()
	own := redistest.Start(t)
	environ := append(at(own.Addr()), "PERSISTED_QUERY_TTL=1h")
	one, two, three := start(t, environ...), start(t, environ...), start(t, environ...)
	const document = `query ($id: ID!) { agentStateExists(threadId: $id) }`
	variables := vars{"id": "a"}
	const want = `{"data":{"agentStateExists":false}}`

	unknown := one.persisted(t, document, false, variables)
	assert.Equal(t, http.StatusOK, unknown.Status)
	assert.JSONEq(t, `{"errors":[{"message":"PersistedQueryNotFound","extensions":{"code":"PERSISTED_QUERY_NOT_FOUND"}}]}`, unknown.Body)
	assert.Equal(t, want, one.persisted(t, document, true, variables).Body)
	assert.Equal(t, want, two.persisted(t, document, false, variables).Body)

	sum := sha256.Sum256([]byte(document))
	hash := hex.EncodeToString(sum[:])
	get := func(s *server) gqltest.Answer {
		params := url.Values{
			"variables": {`{"id":"a"}`}, "extensions": {`{"persistedQuery":{"version":1,"sha256Hash":"` + hash + `"}}`},
		}
		return s.Send(t, http.MethodGet, "/graphql?"+params.Encode(), "", "Content-Type", "application/json")
	}
	assert.Equal(t, want, get(three).Body)

	rdb := own.Client()
	keys, err := rdb.Keys(t.Context(), "*:q:*").Result()
	require.NoError(t, err)
	require.Len(t, keys, 1)
	assert.InDelta(t, time.Hour, rdb.PTTL(t.Context(), keys[0]).Val(), float64(time.Minute))

	own.Stop()
	assert.Equal(t, "UNAVAILABLE", get(two).Errors(t)[0].Code(), "the document is known, its data is not there")
	four := start(t, environ...)
	assert.Equal(t, "PERSISTED_QUERY_NOT_FOUND", get(four).Errors(t)[0].Code(), "so that the client sends the text")
	assert.Equal(t, "UNAVAILABLE", four.persisted(t, document, true, variables).Errors(t)[0].Code())
	assert.Equal(t, "UNAVAILABLE", get(four).Errors(t)[0].Code(), "it has the document all the same")
}

// TestPersistedSubscriptions subscribes by the hash alone, over each transport, with a document that another process was told.
func TestPersistedSubscriptions(t *testing.T) {
	t.Parallel()
	environ := at(sharedRedis(t).Addr())
	one, two := start(t, environ...), start(t, environ...)
	create(t, one, "a", human("m1"))
	const document = `subscription ($id: ID!) { agentStateChanged(threadId: $id) { kind } }`
	body := strings.NewReader(persisted(document, true, vars{"id": "a"}))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+one.addr+"/graphql", body)
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	first := make([]byte, 1)
	_, err = io.ReadFull(response.Body, first) // the stream is open, so the document was kept
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	http.DefaultClient.CloseIdleConnections()

	for _, transport := range gqltest.Transports {
		var named struct{ Extensions any }
		require.NoError(t, json.Unmarshal([]byte(persisted(document, false, nil)), &named))
		client := gqltest.New(t, "http://"+two.addr)
		client.Extensions = named.Extensions
		stream := transport.Subscribe(t, client, "", vars{"id": "a"})
		eventually(t, transport.Name+" brings a change", func() bool {
			touch(t, one, "a")
			e, ok := stream.Within(probe)
			return ok && string(e.Data) == `{"agentStateChanged":{"kind":"UPDATED"}}`
		})
		stream.Close()
	}
}

// manifest writes a manifest of trusted documents, and gives its path.
func manifest(t *testing.T, documents string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "manifest.json")
	require.NoError(t, os.WriteFile(path, []byte(documents), 0o600))
	return path
}

func TestTrustedDocuments(t *testing.T) {
	const list = `{"count": "{ agentStateCount }"}`
	named := func(t *testing.T, s *server, id string) gqltest.Answer {
		t.Helper()
		return s.Send(t, http.MethodPost, "/graphql", fmt.Sprintf(`{"documentId": %q}`, id), "Content-Type", "application/json")
	}
	const counted = `{"data":{"agentStateCount":0}}`
	for mode, code := range map[string]string{"": "", "allow": "", "off": "", "only": "FORBIDDEN"} {
		t.Run("mode "+mode, func(t *testing.T) {
			t.Parallel()
			s := start(t, "TRUSTED_DOCUMENTS_FILE="+manifest(t, list), "TRUSTED_DOCUMENTS="+mode)
			if mode == "off" {
				assert.Equal(t, "PERSISTED_QUERY_NOT_FOUND", named(t, s, "count").Errors(t)[0].Code())
			} else {
				assert.Equal(t, counted, named(t, s, "count").Body)
			}
			data, errs, _ := s.Do(patient(t), `{ __schema { queryType { name } } }`, nil)
			if code == "" {
				assert.Empty(t, errs)
				assert.NotNil(t, data)
				return
			}
			require.Len(t, errs, 1)
			assert.Equal(t, code, errs[0].Code())
			assert.Contains(t, s.log.String(), "introspection", "the operator is told")
			data, errs, _ = s.Do(patient(t), `{ agentStateCount }`, nil)
			assert.Empty(t, errs)
			assert.JSONEq(t, `{"agentStateCount":0}`, string(data))
		})
	}
}

// TestBadTrustedDocumentsRefuseTheStart: the error names the variable, the document and what is wrong.
func TestBadTrustedDocumentsRefuseTheStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		environ []string
		want    []string
	}{
		"no such file": {[]string{"TRUSTED_DOCUMENTS_FILE=/nowhere"}, []string{"TRUSTED_DOCUMENTS_FILE", "/nowhere"}},
		"invalid":      {[]string{"TRUSTED_DOCUMENTS_FILE=" + manifest(t, `{"bad-1": "{ nothing }"}`)}, []string{"TRUSTED_DOCUMENTS_FILE", `"bad-1"`, `"nothing"`}},
		"too long": {
			[]string{"MAX_QUERY_TOKENS=100", "TRUSTED_DOCUMENTS_FILE=" + manifest(t, `{"bad-1": "{`+strings.Repeat(" agentStateCount", 101)+`}"}`)},
			[]string{`"bad-1"`, "token limit of 100"},
		},
		"only, without a file": {[]string{"TRUSTED_DOCUMENTS=only"}, []string{"TRUSTED_DOCUMENTS", "TRUSTED_DOCUMENTS_FILE"}},
		"another mode":         {[]string{"TRUSTED_DOCUMENTS=maybe"}, []string{"TRUSTED_DOCUMENTS", "allow, only or off"}},
		"too short a time":     {[]string{"PERSISTED_QUERY_TTL=1s"}, []string{"PERSISTED_QUERY_TTL", "1m to 720h"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := run(t.Context(), nil, c.environ, io.Discard, io.Discard, nil)
			for _, part := range c.want {
				require.ErrorContains(t, err, part)
			}
		})
	}
}
