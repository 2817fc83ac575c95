package main

import (
	"net/http"
	"time"

	"agentstate/internal/config"
	"agentstate/internal/rest"
	"agentstate/resolver"
	"agentstate/store"
)

// restEndpoints gives what is under /redis, with the limits, scopes, clock and ids of the resolvers; nil for nothing.
func restEndpoints(cfg config.Config, st *store.Store, res *resolver.Resolver, watching rest.Observer) http.Handler {
	if !cfg.REST.Served() {
		return nil
	}
	return rest.New(rest.Options{
		Store: st,
		Limits: rest.Limits{
			MessageBytes: res.Limits.MessageBytes, ContextBytes: res.Limits.ContextBytes, BatchMessages: res.Limits.BatchMessages,
			OperationTimeout: time.Duration(cfg.Edge.OperationTimeout),
		},
		Log: res.Log, ScopeOf: resolver.ScopeOf, Now: res.Now, NewID: res.NewID, Observer: watching,
	})
}
