package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/google/uuid"

	"agentstate/internal/config"
	"agentstate/internal/feed"
	"agentstate/resolver"
	"agentstate/store"
)

// versionOf is the version of the build, or that of the source that it was built from.
func versionOf() string {
	if info, ok := debug.ReadBuildInfo(); ok && version == "dev" {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" && len(setting.Value) >= 12 {
				return version + "+" + setting.Value[:12]
			}
		}
	}
	return version
}

func newLog(cfg config.Config, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.SlogLevel()}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

func newResolver(cfg config.Config, st *store.Store, hub *feed.Hub, log *slog.Logger) *resolver.Resolver {
	hostname, err := os.Hostname()
	if err != nil {
		log.Warn("the name of this host is unknown", "error", err)
		hostname = "unknown"
	}
	return &resolver.Resolver{
		Store: st, Feed: hub, Log: log,
		Limits: resolver.Limits{
			MessageBytes: cfg.Limits.MaxMessageBytes, ContextBytes: cfg.Limits.MaxContextBytes,
			MetadataBytes: cfg.Limits.MaxMetadataBytes, BatchMessages: cfg.Limits.MaxBatchMessages,
		},
		Info: resolver.Info{
			Service: service, Version: versionOf(), Environment: cfg.Environment, Hostname: hostname, Start: time.Now(),
		},
		Now: time.Now,
		// A UUIDv7 begins with the time, so that ids made later sort later.
		NewID: func() string { return uuid.Must(uuid.NewV7()).String() },
	}
}

// storeOptions turns the configuration into the store's.
func storeOptions(cfg config.Config, log *slog.Logger) (store.Options, error) {
	o := store.DefaultOptions()
	o.Log = log
	o.Prefix, o.Buckets = cfg.Redis.KeyPrefix, cfg.Layout.Buckets
	o.TTL = time.Duration(cfg.Redis.TTLSeconds) * time.Second
	o.SweepInterval = time.Duration(cfg.Redis.SweepInterval)
	o.MaxThreadMessages, o.Trim = cfg.Limits.MaxThreadMessages, cfg.Limits.ThreadOverflow == "trim"
	o.MaxPlanBytes, o.MaxToolCallsBytes = cfg.Limits.MaxPlanBytes, cfg.Limits.MaxToolCallsBytes
	o.WaitReplicas, o.WaitTimeout = cfg.Redis.WaitReplicas, time.Duration(cfg.Redis.WaitTimeout)
	o.EmbeddedFile, o.Adopt = cfg.Data.EmbeddedFile, store.Adopt{Enabled: cfg.Data.Adopt, Owner: cfg.Data.AdoptOwner, Interval: adoptInterval}
	secured, err := tlsConfig(cfg.Redis)
	if err != nil {
		return store.Options{}, err
	}
	r := cfg.Redis
	o.Connection = store.Connection{
		URL: r.URL.Reveal(), ReplicaURL: cfg.Replica.ReplicaURL.Reveal(), Autopipeline: cfg.Autopipeline.On(), Addrs: r.Addrs, SentinelMaster: r.SentinelMaster, Cluster: len(r.Addrs) > 0 && r.SentinelMaster == "",
		Username: r.Username, Password: r.Password.Reveal(), DB: r.DB, TLS: secured,
		SentinelUsername: r.SentinelUsername, SentinelPassword: r.SentinelPassword.Reveal(),
		MaxConnections: r.MaxConnections, ConnectTimeout: time.Duration(r.ConnectTimeout), Timeout: time.Duration(r.Timeout),
	}
	if r.Host != "" {
		o.Connection.Addrs = []string{net.JoinHostPort(r.Host, strconv.Itoa(r.Port))}
	}
	return o, nil
}

// adoptInterval is how often it is looked for threads of the replaced service that nobody has asked for.
const adoptInterval = time.Minute

// layoutPatience bounds how long a start waits for Redis to tell its layout.
const layoutPatience = time.Second

// checkLayout refuses the start where the threads in Redis lie otherwise than this configuration says. A Redis that is away is asked
// when it comes, ahead of everything else.
func checkLayout(ctx context.Context, st *store.Store, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, layoutPatience)
	defer cancel()
	err := st.CheckLayout(ctx)
	if wrong, ok := errors.AsType[*store.LayoutError](err); ok {
		return wrong
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		log.Warn("Redis cannot be reached yet: calls are answered with UNAVAILABLE until it can", "error", err)
	}
	return nil
}

// tlsConfig gives how the connection to Redis is secured; nil for not at all, unless a URL says otherwise.
func tlsConfig(r config.Redis) (*tls.Config, error) {
	if !r.TLS.Enabled && r.TLS.CAFile == "" && r.TLS.CertFile == "" && r.TLS.ServerName == "" && !r.TLS.InsecureSkipVerify {
		return nil, nil //nolint:nilnil // no TLS is a configuration too
	}
	c := &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: r.TLS.ServerName,
		InsecureSkipVerify: r.TLS.InsecureSkipVerify, //nolint:gosec // only where the operator says so
	}
	if r.TLS.CAFile != "" {
		pem, err := os.ReadFile(r.TLS.CAFile)
		if err != nil {
			return nil, fmt.Errorf("REDIS_TLS_CA_FILE: %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("REDIS_TLS_CA_FILE: there is no certificate in it")
		}
	}
	if r.TLS.CertFile != "" {
		certificate, err := tls.LoadX509KeyPair(r.TLS.CertFile, r.TLS.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("REDIS_TLS_CERT_FILE, REDIS_TLS_KEY_FILE: %w", err)
		}
		c.Certificates = []tls.Certificate{certificate}
	}
	return c, nil
}
