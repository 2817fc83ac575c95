package main

import (
	"fmt"
	"log/slog"
	"os"

	"agentstate/graph"
	"agentstate/internal/config"
	"agentstate/internal/httpapi"
)

// trustedDocuments reads the manifest where there is one that is not switched off; nil is none. It is read once: a server with other
// documents is another deployment.
func trustedDocuments(cfg config.Config, log *slog.Logger) (*httpapi.TrustedDocuments, error) {
	file := cfg.Documents.TrustedFile
	if file == "" || cfg.Documents.Trusted == "off" {
		return nil, nil //nolint:nilnil // no trusted documents is a configuration too
	}
	manifest, err := os.ReadFile(file) //nolint:gosec,nolintlint // the operator names it
	if err != nil {
		return nil, fmt.Errorf("TRUSTED_DOCUMENTS_FILE: %w", err)
	}
	schema := graph.NewExecutableSchema(graph.Config{}).Schema()
	documents, err := httpapi.ReadTrustedDocuments(manifest, schema, cfg.Limits.MaxQueryTokens)
	if err != nil {
		return nil, fmt.Errorf("TRUSTED_DOCUMENTS_FILE: %s: %w", file, err)
	}
	documents.Only = cfg.Documents.Trusted == "only"
	if documents.Only {
		log.Info("only trusted documents are executed: introspection and what is typed into the playground are not", "documents", documents.Len())
	} else {
		log.Info("trusted documents can be sent by their ids", "documents", documents.Len())
	}
	return documents, nil
}
