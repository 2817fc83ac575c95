package httpapi

import (
	"encoding/json"
	"maps"

	"github.com/vektah/gqlparser/v2/gqlerror"
)

const (
	// documentID is the parameter by which a request names its document in the draft of GraphQL over HTTP, appendix Persisted
	// Documents. It is handed on among the extensions: gqlgen's parameters have no place for it.
	documentID = "documentId"
	// hashPrefix is ahead of a documentId that is the SHA-256 of the document's text, in the same draft.
	hashPrefix = "sha256:"
)

// takeDocumentID puts the parameter documentId among the extensions, and gives them.
func takeDocumentID(given any, query string, extensions map[string]any) (map[string]any, *refusal) {
	id, ok := optional[string](given)
	switch {
	case !ok:
		return nil, badParameter(documentID, "Give `documentId` as a string or null.")
	case id == "":
		return extensions, nil
	case query != "":
		return nil, badParameter(documentID, "Give either `query` or `documentId`.")
	}
	with := map[string]any{}
	maps.Copy(with, extensions)
	with[documentID] = id
	return with, nil
}

// documentIDOf gives the id by which a request names its document: documentId, or the hash of Apollo's
// extensions.persistedQuery; "" where it names none.
func documentIDOf(extensions map[string]any) (string, *gqlerror.Error) {
	if id, ok := extensions[documentID].(string); ok {
		return id, nil
	}
	given, ok := extensions["persistedQuery"]
	if !ok || given == nil {
		return "", nil
	}
	object, _ := given.(map[string]any)
	version, _ := object["version"].(json.Number)
	hash, _ := object["sha256Hash"].(string)
	if version != "1" {
		return "", coded(codeBadUserInput, "Give `extensions.persistedQuery` the `version` 1: there is no other.")
	}
	if hash == "" {
		return "", coded(codeBadUserInput, "Give `extensions.persistedQuery` the `sha256Hash` of the document, a string.")
	}
	return hash, nil
}
