package httpapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
)

const mediaText = "text/plain"

// health answers the questions of monitors and orchestrators.
type health struct {
	state func(ctx context.Context) any
	ready func(ctx context.Context) error
	log   *slog.Logger
}

// report is for people and monitors: the status is always 200, what is wrong stands in the body.
func (h health) report(w http.ResponseWriter, r *http.Request) {
	body, err := json.Marshal(h.state(r.Context()))
	if err != nil {
		panic(err)
	}
	writeBody(w, http.StatusOK, mediaJSON, body)
}

// live says that the process serves requests. It asks nobody: a restart would not bring Redis back.
func (h health) live(w http.ResponseWriter, _ *http.Request) {
	writeBody(w, http.StatusOK, mediaText, []byte("ok\n"))
}

// readiness says whether requests should be sent here. The reason why not is for the log alone: it may name addresses.
func (h health) readiness(w http.ResponseWriter, r *http.Request) {
	if err := h.ready(r.Context()); err != nil {
		h.log.LogAttrs(r.Context(), slog.LevelWarn, "not ready", slog.Any("error", err))
		writeBody(w, http.StatusServiceUnavailable, mediaText, []byte("not ready\n"))
		return
	}
	writeBody(w, http.StatusOK, mediaText, []byte("ok\n"))
}
