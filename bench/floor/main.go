//go:build linux

// Floor is what agentstate is measured against: a plain net/http server that does the same commands in Redis for each row of the
// benchmark and writes the same JSON by hand, without GraphQL, checks of input, limits or recovery. FLOOR=decode decodes
// messages by encoding/json, FLOOR=splice copies their JSON as it lies in Redis.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"agentstate/store"
)

// floor is the server.
type floor struct {
	rdb    *redis.Client
	layout store.Blueprint
	hub    *hub
	// splice says that the JSON of messages is copied, not decoded.
	splice bool
}

func main() {
	rdb := redis.NewClient(&redis.Options{
		Addr: os.Getenv("REDIS_ADDR"), PoolSize: 64, ContextTimeoutEnabled: true, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	f := &floor{rdb: rdb, layout: store.BlueprintOf("thread"), splice: os.Getenv("FLOOR") == "splice"}
	if err := rdb.ScriptLoad(context.Background(), f.layout.AppendSource).Err(); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
	f.hub = newHub(f)
	collectOnSignal()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /thread", f.thread)
	mux.HandleFunc("POST /message", f.addMessage)
	mux.HandleFunc("GET /recent", f.recent)
	mux.HandleFunc("GET /listen", f.hub.listen)
	server := &http.Server{Addr: os.Getenv("LISTEN_ADDR"), Handler: mux, ReadHeaderTimeout: time.Minute}
	if err := server.ListenAndServe(); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

// collectOnSignal gives free memory back to the system with SIGUSR1, as a build of agentstate for benchmarks does (freememory.go).
func collectOnSignal() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	go func() { // lives as long as the process
		for range signals {
			for range 5 {
				debug.FreeOSMemory()
			}
		}
	}()
}

// answer writes a finished body, or says what went wrong.
func answer(w http.ResponseWriter, body []byte, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header()["Content-Type"] = jsonType
	_, _ = w.Write(body) //nolint:gosec // it is JSON, and says so
}

var jsonType = []string{"application/json"}
