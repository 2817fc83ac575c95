package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
)

// TrustedDocuments are the documents of a manifest, which clients may send by their ids. A nil one has none.
type TrustedDocuments struct {
	// Only says that no others are executed, over whatever transport, nor any that clients persist themselves.
	Only bool

	byID, byHash map[string]string
	texts        map[string]struct{}
}

// manifestFormat is what Apollo's tools write: @apollo/generate-persisted-query-manifest.
const manifestFormat = "apollo-persisted-query-manifest"

// ReadTrustedDocuments reads a manifest: one of Apollo's, or an object of document texts by their ids, as GraphQL Code Generator and the
// Relay compiler write it. Every document must parse, be valid in schema and have at most maxTokens tokens (0 is no limit); the
// error names the first by its id that is not, in the order of ids.
func ReadTrustedDocuments(manifest []byte, schema *ast.Schema, maxTokens int) (*TrustedDocuments, error) {
	hideDirectives(schema)
	byID, err := readManifest(manifest)
	if err != nil {
		return nil, err
	}
	d := &TrustedDocuments{byID: byID, byHash: make(map[string]string, len(byID)), texts: make(map[string]struct{}, len(byID))}
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		text := byID[id]
		if err := checkDocument(text, schema, maxTokens); err != nil {
			return nil, fmt.Errorf("document %q: %w", clip(id), err)
		}
		d.byHash[hashOf(text)] = text
		d.texts[text] = struct{}{}
	}
	return d, nil
}

// checkDocument checks a document as that of a request is.
func checkDocument(text string, schema *ast.Schema, maxTokens int) error {
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, maxTokens)
	if err != nil {
		return err
	}
	if len(doc.Operations) == 0 {
		return errors.New("there is no operation in it")
	}
	if errs := validator.ValidateWithRules(schema, doc, validationRules(true)); len(errs) > 0 {
		return errs[0]
	}
	return nil
}

// readManifest gives the texts of a manifest by their ids.
func readManifest(manifest []byte) (map[string]string, error) {
	value, err := decodeJSON(manifest)
	if err != nil {
		return nil, fmt.Errorf("give it a text that %w", err)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("give it a JSON object")
	}
	texts := make(map[string]string)
	if _, ok := object["operations"].([]any); ok || object["format"] == manifestFormat {
		err = readOperations(object, texts)
	} else {
		for id, text := range object {
			if err = addDocument(texts, id, text); err != nil {
				break
			}
		}
	}
	if err == nil && len(texts) == 0 {
		err = errors.New("there is no document in it")
	}
	return texts, err
}

// readOperations reads a manifest of Apollo's. Of an operation it takes the id and the body: its name and type stand in the body.
func readOperations(object map[string]any, texts map[string]string) error {
	if object["format"] != manifestFormat || object["version"] != json.Number("1") {
		return fmt.Errorf("a manifest with operations is read only in the format %q, version 1", manifestFormat)
	}
	operations, ok := object["operations"].([]any)
	if !ok {
		return errors.New("give `operations` as a list")
	}
	for i, given := range operations {
		operation, _ := given.(map[string]any)
		id, ok := operation["id"].(string)
		if !ok {
			return fmt.Errorf("give operation %d of the manifest an `id`, a string", i+1)
		}
		if err := addDocument(texts, id, operation["body"]); err != nil {
			return err
		}
	}
	return nil
}

// addDocument adds a document. An id may stand twice, as it does where two clients have the same document, but for one text.
func addDocument(texts map[string]string, id string, given any) error {
	text, ok := given.(string)
	other, twice := texts[id]
	switch {
	case id == "":
		return errors.New("give each document an id that is not empty")
	case !ok:
		return fmt.Errorf("document %q: give it its text, a string", clip(id))
	case twice && other != text:
		return fmt.Errorf("document %q: it is there twice, with other texts", clip(id))
	}
	texts[id] = text
	return nil
}

// Len is how many ids there are.
func (d *TrustedDocuments) Len() int { return len(d.byID) }

func (d *TrustedDocuments) only() bool { return d != nil && d.Only }

// text gives the document of an id, or of its own SHA-256 where it goes by another id.
func (d *TrustedDocuments) text(id string) (text string, ok bool) {
	if d == nil {
		return "", false
	}
	if text, ok = d.byID[id]; ok {
		return text, true
	}
	if len(id) > len(hashPrefix) && id[:len(hashPrefix)] == hashPrefix {
		id = id[len(hashPrefix):]
	}
	text, ok = d.byHash[id]
	return text, ok
}

func (d *TrustedDocuments) hasText(text string) bool {
	_, ok := d.texts[text]
	return ok
}
