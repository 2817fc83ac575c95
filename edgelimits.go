package main

import (
	"time"

	"agentstate/internal/config"
	"agentstate/internal/httpapi"
)

// edgeLimits turns the configuration into the edge's. The caller of a request is the address that it comes from.
// Requests are counted by all where that is asked for, and else by this process alone.
func edgeLimits(e config.Edge, all httpapi.SharedRates) httpapi.Limits {
	if !e.ShareRates {
		all = nil
	}
	return httpapi.Limits{
		Caller: httpapi.CallerByAddress(e.Networks()),
		Document: httpapi.DocumentLimits{
			Depth: e.MaxDepth, Aliases: e.MaxAliases, RootFields: e.MaxRootFields, Directives: e.MaxDirectives,
			Fields: e.MaxFields, Repeats: e.MaxRepeats, Operations: e.MaxOperations, NameBytes: e.MaxNameBytes,
		},
		Complexity:        e.MaxComplexity,
		RequestsPerSecond: e.RequestRate, RequestBurst: e.RequestBurst, SharedRates: all,
		Connections: e.MaxStreams, CallerConnections: e.MaxCallerStreams,
		ConnectionOperations: e.MaxConnectionOperations, ConnectionBytesPerSecond: e.MaxConnectionBytesSecond,
		OperationTimeout: time.Duration(e.OperationTimeout), BodyTimeout: time.Duration(e.RequestBodyTimeout),
	}
}
