package rest

import (
	_ "embed"
	"net/http"
)

// openAPIDocument describes the endpoints, for people and for tools.
//
//go:embed openapi.yaml
var openAPIDocument []byte

// openAPI gives the description of the endpoints (RFC 9512).
func (c *call) openAPI() error {
	c.w.Header().Set("Content-Type", "application/yaml")
	writeBody(c.w, http.StatusOK, openAPIDocument)
	return nil
}
