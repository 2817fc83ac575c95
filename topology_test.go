package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"agentstate/internal/gqltest"
	"agentstate/internal/redistest"
)

// TestTopologies lets two servers share a cluster, and a set of sentinels: what one takes, the other reads, lists and tells.
func TestTopologies(t *testing.T) {
	t.Parallel()
	for mode, launch := range map[string]func(t *testing.T) []string{
		"CLUSTER": func(t *testing.T) []string {
			t.Helper()
			return []string{"REDIS_ADDRS=" + strings.Join(redistest.Cluster(t, 3), ",")}
		},
		"SENTINEL": func(t *testing.T) []string {
			t.Helper()
			sentinels, err := redistest.LaunchSentinels()
			redistest.Require(t, err)
			t.Cleanup(sentinels.Close)
			return []string{"REDIS_ADDRS=" + strings.Join(sentinels.Addrs(), ","), "REDIS_SENTINEL_MASTER=" + redistest.MasterName}
		},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			environ := launch(t)
			writer, reader := start(t, environ...), start(t, environ...)
			const threads = 12
			streams := make([]*gqltest.Stream, threads)
			for i := range streams {
				id := fmt.Sprintf("t%d", i)
				after := create(t, writer, id, human("m1")).Messages.Nodes[0].Cursor
				transport := gqltest.Transports[i%len(gqltest.Transports)]
				streams[i] = transport.Subscribe(t, reader.Client, messageAdded, vars{"id": id, "after": after})
			}
			for i, stream := range streams {
				add(t, writer, fmt.Sprintf("t%d", i), human("m2"))
				assert.Equal(t, "m2", nextMessage(t, stream).MessageID)
			}
			var got struct {
				Health struct {
					Status string
					Redis  struct{ Mode string }
				}
				AgentStateCount   int
				RecentAgentStates []struct{ ThreadID string }
				ThreadIDs         struct{ Nodes []string }
			}
			reader.Must(t, `{ health { status redis { mode } } agentStateCount recentAgentStates(limit: 3) { threadId } threadIds(first: 100) { nodes } }`, nil, &got)
			assert.Equal(t, mode, got.Health.Redis.Mode)
			assert.Equal(t, threads, got.AgentStateCount)
			assert.Len(t, got.ThreadIDs.Nodes, threads)
			if assert.Len(t, got.RecentAgentStates, 3) {
				assert.Equal(t, "t11", got.RecentAgentStates[0].ThreadID)
			}
		})
	}
}
