package httpapi

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"

	"agentstate/graph"
)

func held[V any](t *testing.T, c *cache[V]) []string {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var keys []string
	bytes := 0
	for e := c.order.Front(); e != nil; e = e.Next() {
		keys = append(keys, e.Value.(*entry[V]).key)
		bytes += e.Value.(*entry[V]).bytes
	}
	assert.Len(t, c.entries, len(keys))
	assert.Equal(t, bytes, c.bytes)
	return keys
}

func TestCacheKeepsWhatWasUsedLast(t *testing.T) {
	c := newCache[int](3, 1000, 100)
	for i, key := range []string{"a", "b", "c"} {
		c.Add(t.Context(), key, i)
	}
	_, ok := c.Get(t.Context(), "a")
	require.True(t, ok)
	c.Add(t.Context(), "d", 3)
	assert.Equal(t, []string{"d", "a", "c"}, held(t, c))

	c.Add(t.Context(), "c", 9)
	assert.Equal(t, []string{"c", "d", "a"}, held(t, c))
	value, ok := c.Get(t.Context(), "c")
	assert.True(t, ok)
	assert.Equal(t, 9, value)
	_, ok = c.Get(t.Context(), "b")
	assert.False(t, ok)
}

func TestCacheIsBoundedByBytes(t *testing.T) {
	c := newCache[int](1000, 100, 60)
	key := strings.Repeat
	c.Add(t.Context(), key("a", 60), 1)
	c.Add(t.Context(), key("b", 61), 2) // too large for any cache of the kind
	c.Add(t.Context(), key("c", 40), 3)
	assert.Equal(t, []string{key("c", 40), key("a", 60)}, held(t, c))
	c.Add(t.Context(), key("d", 1), 4)
	assert.Equal(t, []string{"d", key("c", 40)}, held(t, c))

	texts := newCache[string](1000, 100, 60)
	texts.Add(t.Context(), "k", key("v", 60)) // key and text together are too large
	assert.Empty(t, held(t, texts))
	for i := range 10 {
		texts.Add(t.Context(), fmt.Sprint(i), key("v", 29))
	}
	assert.Equal(t, []string{"9", "8", "7"}, held(t, texts))
}

func TestCacheOfManyGoroutines(t *testing.T) {
	c := newCache[int](50, 200, 10)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 2000 {
				key := fmt.Sprint((i*31 + j) % 120)
				if value, ok := c.Get(t.Context(), key); ok {
					assert.Equal(t, len(key), value)
				}
				c.Add(t.Context(), key, len(key))
			}
		})
	}
	group.Wait()
	assert.LessOrEqual(t, len(held(t, c)), 50)
}

// validated gives a document as gqlgen's executor hands it to the cache.
func validated(t *testing.T, query string) *ast.QueryDocument {
	t.Helper()
	doc, err := parser.ParseQuery(&ast.Source{Input: query})
	require.NoError(t, err)
	require.Empty(t, validator.ValidateWithRules(graph.NewExecutableSchema(graph.Config{}).Schema(), doc, validationRules(true)))
	return doc
}

func TestDocumentsAreBoundedAndKeepNumbersKeptOrNot(t *testing.T) {
	d := newDocuments(graph.NewExecutableSchema(graph.Config{}).Schema())
	const query = `mutation { addToolCall(input: {threadId: "a", tool: "t", parameters: [1.50, 1e400]}) { toolCall { toolId } } }`
	for _, pad := range []int{0, maxDocumentBytes} {
		text := query + strings.Repeat(" ", pad)
		d.Add(t.Context(), text, validated(t, text))
		_, ok := d.Get(t.Context(), text)
		assert.False(t, ok, "it may never come again")
		doc := validated(t, text)
		d.Add(t.Context(), text, doc)
		kept, ok := d.Get(t.Context(), text)
		assert.Equal(t, pad == 0, ok)
		if ok {
			assert.Same(t, doc, kept)
		}
		numbers := doc.Operations[0].SelectionSet[0].(*ast.Field).Arguments[0].Value.Children.ForName("parameters").Children
		for i, digits := range []string{"1.50", "1e400"} {
			assert.Equal(t, ast.StringValue, numbers[i].Value.Kind, "a number that is read as text")
			assert.True(t, strings.HasSuffix(numbers[i].Value.Raw, digits))
		}
	}
	for i := range 150 {
		text := fmt.Sprint("{ agentStateCount } #", i, strings.Repeat(" ", 60_000))
		for range 2 {
			d.Add(t.Context(), text, validated(t, text))
		}
	}
	assert.Len(t, held(t, d.cache), maxDocumentsBytes/60_024)
}
