package store

import "encoding/json"

// HealthStatus is how a part of the service is.
type HealthStatus string

// The states of health.
const (
	OK          HealthStatus = "OK"
	Degraded    HealthStatus = "DEGRADED"
	Unavailable HealthStatus = "UNAVAILABLE"
)

// RedisMode is what kind of Redis the store talks to.
type RedisMode string

// The kinds of Redis.
const (
	Embedded   RedisMode = "EMBEDDED"
	Standalone RedisMode = "STANDALONE"
	Sentinel   RedisMode = "SENTINEL"
	Cluster    RedisMode = "CLUSTER"
)

// RedisHealth is what Redis says of itself. While it does not answer, all but Status, Mode and Error is nil.
type RedisHealth struct {
	Status           HealthStatus
	Mode             RedisMode
	RedisVersion     *string
	ConnectedClients *int
	UsedMemoryHuman  *string
	Keyspace         json.RawMessage
	LatencyMs        *float64
	Error            *string
	Warnings         []string
}
