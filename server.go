// agentstate serves the state of LLM agents' conversations over GraphQL, in front of Redis. This file is the whole of it in one
// read: configuration -> store -> feed -> resolver -> HTTP, and the order in which they stop.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"agentstate/graph"
	"agentstate/internal/config"
	"agentstate/internal/feed"
	"agentstate/internal/httpapi"
	"agentstate/internal/tracing"
	"agentstate/resolver"
	"agentstate/store"
)

//go:generate go run github.com/99designs/gqlgen generate

// version is set by the build: -ldflags "-X main.version=v1.2.3".
var version = "dev"

const (
	service = "agentstate"
	// readHeaderTimeout bounds how long a client may take to say what it wants.
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	// keepAlive is the time between the pings on a silent WebSocket or event stream.
	keepAlive = 20 * time.Second
	// probeTimeout bounds how long /health and /readyz wait for Redis.
	probeTimeout = 2 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr, nil)
	code, silent := exitCode(err)
	if !silent {
		fmt.Fprintln(os.Stderr, service+": "+err.Error())
	}
	os.Exit(code)
}

// serveRequests serves until ctx ends, and then stops in order. Once requests are served it calls ready, if there is one, with the
// address.
func serveRequests(ctx context.Context, p program) error {
	cfg, err := config.Load(p.environ)
	if err != nil {
		return err
	}
	defer makeRoom(p.environ)()
	log := newLog(cfg, p.stderr)
	traces, err := tracing.Start(ctx, p.environ, service, versionOf(), log)
	if err != nil {
		return err
	}
	defer traces.Stop(ctx) // behind all others
	log = traces.Log(log)
	slog.SetDefault(log) // what libraries log goes the same way
	trusted, err := trustedDocuments(cfg, log)
	if err != nil {
		return err
	}
	who, err := authenticator(cfg.Auth, log)
	if err != nil {
		return err
	}
	if who != nil {
		defer who.Close()
	}
	options, err := storeOptions(cfg, log)
	if err != nil {
		return err
	}
	watching := newTelemetry(traces, log)
	options.Observer = watching
	st, err := store.Open(options)
	if err != nil {
		return err
	}
	if err := checkLayout(ctx, st, log); err != nil {
		return errors.Join(err, st.Close())
	}
	hub := feed.New(func(ctx context.Context) feed.Source { return st.Events(ctx) }, log, feed.Options{
		Check: time.Duration(cfg.DeliveryCheckInterval),
	})
	res := newResolver(cfg, st, hub, log)
	streams, draining := httpapi.NewStreams(), &drain{}
	server := &http.Server{
		Handler: traces.Handler(draining.handler(httpapi.New(httpapi.Config{
			Schema:          res.Schema(graph.NewExecutableSchema(graph.Config{Resolvers: res})),
			Extensions:      []graphql.HandlerExtension{resolver.Access{}, res.Extension()},
			Auth:            who,
			PresentError:    res.Present,
			Recover:         res.Recover,
			MaxRequestBytes: cfg.Limits.MaxRequestBytes,
			MaxQueryTokens:  cfg.Limits.MaxQueryTokens,
			Trusted:         trusted,
			Documents:       st,
			PersistedTTL:    time.Duration(cfg.Documents.PersistedTTL),
			AllowedOrigins:  cfg.Browsers.AllowedOrigins,
			LocalPages:      cfg.LocalPages(),
			HideSchema:      cfg.HideSchema(),
			Playground:      playground(cfg),
			REST:            restEndpoints(cfg, st, res, watching),
			Metrics:         watching.metrics.Handler(watching.sources(st, hub, streams, res)),
			Inspector:       inspector(cfg),
			Observer:        watching,
			Health:          func(ctx context.Context) any { return within(ctx, res.HealthReport) },
			Ready:           draining.ready(func(ctx context.Context) error { return within(ctx, res.Ready) }),
			Log:             log,
			Panics:          &res.Panics,
			Streams:         streams,
			KeepAlive:       keepAlive,
			WriteTimeout:    time.Duration(cfg.SlowClientTimeout),
			Limits:          edgeLimits(cfg.Edge, st),
			StopGrace:       time.Duration(cfg.ShutdownTimeout) * 2 / 3, // the rest is for saying goodbye
		}))),
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		Protocols:         protocols(),
		HTTP2:             http2Config(cfg),
	}
	serveErr := serve(ctx, server, cfg, log, p.ready)

	// The stop order: /readyz fails for a while; streams are told to go and no new connection is taken, requests that run may finish;
	// then the feed, and Redis, when nobody asks it any more: then the embedded one is saved for the last time. The last traces are sent
	// behind all of that.
	if serveErr == nil {
		draining.run(time.Duration(cfg.DrainDelay), log)
	}
	log.Info("stopping")
	streams.Close()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Duration(cfg.ShutdownTimeout))
	defer cancel()
	err = errors.Join(serveErr, server.Shutdown(grace), streams.Wait(grace))
	hub.Close()
	return errors.Join(err, st.Close())
}

// serve listens, and serves until ctx ends (nil) or listening fails.
func serve(ctx context.Context, server *http.Server, cfg config.Config, log *slog.Logger, ready func(net.Addr)) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.ListenAddr)
	if err != nil {
		return fmt.Errorf("LISTEN_ADDR: %w", err)
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }() // ends with server.Shutdown
	greet(cfg, log, listener.Addr())
	if ready != nil {
		ready(listener.Addr())
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	}
}

// greet logs where the server is, what looks wrong, and loudly if it keeps nothing.
func greet(cfg config.Config, log *slog.Logger, addr net.Addr) {
	for _, warning := range cfg.Warnings {
		log.Warn(warning)
	}
	if cfg.Embedded() && cfg.Data.EmbeddedFile != "" {
		log.Warn("no Redis is configured: all data is in the memory of this process and is saved every ten seconds and at the end; a crash loses what came since", "file", cfg.Data.EmbeddedFile)
	} else if cfg.Embedded() {
		log.Warn("NO REDIS IS CONFIGURED: all data is kept in the memory of this process and is gone when it ends; set REDIS_HOST to keep it, or EMBEDDED_FILE")
	}
	log.Info("listening", "url", "http://"+addr.String()+"/", "graphql", "http://"+addr.String()+"/graphql", "version", versionOf())
}

// within gives a probe probeTimeout.
func within[T any](ctx context.Context, probe func(context.Context) T) T {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return probe(ctx)
}
