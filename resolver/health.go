package resolver

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"agentstate/graph"
	"agentstate/internal/auth"
	"agentstate/store"
)

// Info is what the server knows of itself.
type Info struct {
	Service, Version, Environment, Hostname string
	Start                                   time.Time
}

// Health asks how the server and its Redis are, or tells what it has heard of late. Details are for those who may administer it: they
// tell an attacker what to look for.
func (r *Resolver) Health(ctx context.Context) *graph.Health {
	look, hostname := r.brief, ""
	if auth.From(ctx).May(auth.Admin) {
		look, hostname = r.detailed, r.Info.Hostname
	}
	redis := look(ctx)
	now := r.Now()
	return &graph.Health{
		Status: redis.Status, Redis: redis,
		Service: r.Info.Service, Version: r.Info.Version, Environment: r.Info.Environment, Hostname: hostname,
		Uptime: now.Sub(r.Info.Start).Seconds(), Timestamp: float64(now.UnixMicro()) / 1e6,
	}
}

// brief is how Redis is to those who hear no details, for whom none are looked at: whether it answers.
func (r *Resolver) brief(ctx context.Context) *store.RedisHealth {
	h := &store.RedisHealth{Status: store.OK, Mode: r.Store.Mode(), Warnings: []string{}}
	if r.Ready(ctx) != nil {
		h.Status = store.Unavailable
	}
	return h
}

// detailed is what Redis tells of itself. It is everybody's, and not to be changed.
func (r *Resolver) detailed(ctx context.Context) *store.RedisHealth {
	h, err := r.details.get(ctx, r.Store.Health)
	if err != nil {
		late := "Redis does not answer in time."
		return &store.RedisHealth{Status: store.Unavailable, Mode: r.Store.Mode(), Error: &late, Warnings: []string{}}
	}
	return h
}

// Ready tells by nil that Redis answers, or did of late. The error is for the log alone.
func (r *Resolver) Ready(ctx context.Context) error {
	told, err := r.pulse.get(ctx, r.Store.Ping)
	return errors.Join(told, err)
}

// HealthReport is the body of GET /health: the shape of the service that this one replaces, and some facts more.
type HealthReport struct {
	Status      string      `json:"status"`
	Service     string      `json:"service"`
	Version     string      `json:"version"`
	Environment string      `json:"environment"`
	Hostname    string      `json:"hostname"`
	Uptime      float64     `json:"uptime"`
	Timestamp   float64     `json:"timestamp"`
	Redis       RedisReport `json:"redis_status"`
}

// RedisReport is what HealthReport says of Redis. Status is healthy or unhealthy.
type RedisReport struct {
	Status           string          `json:"status"`
	Mode             string          `json:"mode"`
	RedisVersion     *string         `json:"redis_version,omitempty"`
	ConnectedClients *int            `json:"connected_clients,omitempty"`
	UsedMemoryHuman  *string         `json:"used_memory_human,omitempty"`
	Keyspace         json.RawMessage `json:"keyspace,omitempty"`
	LatencyMs        *float64        `json:"latency_ms,omitempty"`
	Error            *string         `json:"error,omitempty"`
	Warnings         []string        `json:"warnings"`
}

// HealthReport gives the facts of Health in the shape of GET /health.
func (r *Resolver) HealthReport(ctx context.Context) HealthReport {
	h := r.Health(ctx)
	status := "healthy"
	if h.Redis.Status == store.Unavailable {
		status = "unhealthy"
	}
	return HealthReport{
		Status: strings.ToLower(string(h.Status)), Service: h.Service, Version: h.Version, Environment: h.Environment,
		Hostname: h.Hostname, Uptime: h.Uptime, Timestamp: h.Timestamp,
		Redis: RedisReport{
			Status: status, Mode: string(h.Redis.Mode), RedisVersion: h.Redis.RedisVersion,
			ConnectedClients: h.Redis.ConnectedClients, UsedMemoryHuman: h.Redis.UsedMemoryHuman, Keyspace: h.Redis.Keyspace,
			LatencyMs: h.Redis.LatencyMs, Error: h.Redis.Error, Warnings: h.Redis.Warnings,
		},
	}
}
