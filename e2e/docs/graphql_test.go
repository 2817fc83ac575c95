//go:build unix

package docs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// runGraphQL sends the operations of a block, one after the other, with the variables of the block behind it. A subscription stays open
// until the document ends, or gives as many events as the answer shows.
func runGraphQL(ctx context.Context, s *session, b *block, rest []*block) (*outcome, error) {
	document, err := parser.ParseQuery(&ast.Source{Input: b.text})
	if err != nil {
		return nil, err
	}
	if len(document.Operations) == 0 {
		return nil, errors.New("there is no operation in it")
	}
	given := &outcome{}
	variables, from := variablesOf(rest)
	given.variables = from
	for _, operation := range document.Operations {
		if operation.Operation == ast.Subscription {
			name := fmt.Sprint("line ", b.line)
			if err := s.open(ctx, name, func() (terminal, error) { return s.subscribe(b.text, variables) }, s.alive); err != nil {
				return nil, err
			}
			given.terminal = s.terminals[name]
			return given, nil
		}
		answer, err := s.post(ctx, map[string]any{"query": b.text, "variables": variables, "operationName": operation.Name})
		if err != nil {
			return nil, err
		}
		given.stdout += answer + "\n"
	}
	return given, refused(given.stdout, rest)
}

// variablesOf gives the variables of an operation: the JSON behind it that is no answer.
func variablesOf(rest []*block) (map[string]any, *block) {
	if len(rest) == 0 || !rest[0].follows || rest[0].lang != "json" {
		return nil, nil
	}
	var variables map[string]any
	if json.Unmarshal([]byte(rest[0].text), &variables) != nil || variables["data"] != nil || variables["errors"] != nil {
		return nil, nil
	}
	return variables, rest[0]
}

// refused tells that a server has answered with errors, which is well only where the document goes on with the answer.
func refused(output string, rest []*block) error {
	if _, variables := variablesOf(rest); variables != nil {
		rest = rest[1:]
	}
	if len(rest) > 0 && rest[0].follows && (rest[0].lang == "json" || rest[0].lang == "text") {
		return nil
	}
	for _, value := range jsonValues(output) {
		if answer, ok := value.(map[string]any); ok && answer["errors"] != nil {
			return fmt.Errorf("the server refuses it:\n%s", output)
		}
	}
	return nil
}

func (s *session) request(ctx context.Context, body any, accept string) (*http.Response, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.server+"/graphql", bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", accept)
	return http.DefaultClient.Do(request)
}

func (s *session) post(ctx context.Context, body any) (string, error) {
	response, err := s.request(ctx, body, "application/json")
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return string(answer), err
}

// subscribe opens a subscription as an event stream; what it shows is a line of JSON for each event.
func (s *session) subscribe(query string, variables map[string]any) (terminal, error) {
	ctx, cancel := context.WithCancel(context.Background()) // until it is stopped, with the document at the latest
	response, err := s.request(ctx, map[string]any{"query": query, "variables": variables}, "text/event-stream")
	if err != nil {
		cancel()
		return nil, err
	}
	opened := &subscription{cancel: cancel, done: make(chan struct{})}
	go func() { // ends with the stream, which stop cancels
		defer close(opened.done)
		defer response.Body.Close()
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, 1<<24)
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && data != "" {
				_, _ = opened.Write([]byte(data + "\n")) // it goes into memory
			}
		}
	}()
	return opened, nil
}
