package redistest

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// slots is how many hash slots a cluster has. https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
const slots = 16384

// Nodes are the masters of a cluster.
type Nodes []*Server

// Cluster starts a cluster of so many masters without replicas, and gives their addresses. It ends with the test; see Start for
// machines without Redis.
func Cluster(tb testing.TB, masters int) []string {
	tb.Helper()
	nodes, err := LaunchCluster(masters)
	Require(tb, err)
	tb.Cleanup(nodes.Close)
	return nodes.Addrs()
}

// LaunchCluster is Cluster for a cluster that several tests share. Whoever launches it closes it.
func LaunchCluster(masters int) (nodes Nodes, err error) {
	defer func() {
		if err != nil {
			nodes.Close()
			nodes = nil
		}
	}()
	for range masters {
		// The short timeout lets the nodes get to know each other quickly: a node that was met is asked within half of it.
		node, err := Launch("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
		if err != nil {
			return nodes, err
		}
		nodes = append(nodes, node)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	for i, node := range nodes {
		if err := nodes.join(ctx, i, node.Client()); err != nil {
			return nodes, fmt.Errorf("redistest: make the cluster: %w", err)
		}
	}
	for _, node := range nodes {
		if err := awaitCluster(ctx, node.Client(), masters); err != nil {
			return nodes, fmt.Errorf("redistest: await the cluster: %w", err)
		}
	}
	return nodes, nil
}

// join gives node i its share of the slots and introduces it to the first one. An epoch of its own saves it the negotiation.
func (n Nodes) join(ctx context.Context, i int, client *redis.Client) error {
	first, last := i*slots/len(n), (i+1)*slots/len(n)-1
	if err := client.ClusterAddSlotsRange(ctx, first, last).Err(); err != nil {
		return err
	}
	if err := client.Do(ctx, "cluster", "set-config-epoch", i+1).Err(); err != nil {
		return err
	}
	if i == 0 {
		return nil
	}
	host, port, err := net.SplitHostPort(n[0].Addr())
	if err != nil {
		return err
	}
	return client.Do(ctx, "cluster", "meet", host, port, n[0].busPort).Err()
}

// awaitCluster waits until a node serves all slots and knows all nodes.
func awaitCluster(ctx context.Context, client *redis.Client, nodes int) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		info, err := client.ClusterInfo(ctx).Result()
		if err != nil {
			return err
		}
		if strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d\r\n", nodes)) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; the node says:\n%s", ctx.Err(), info)
		case <-ticker.C:
		}
	}
}

// Addrs are the addresses of the nodes.
func (n Nodes) Addrs() []string {
	addrs := make([]string, len(n))
	for i, node := range n {
		addrs[i] = node.Addr()
	}
	return addrs
}

// Close ends all nodes.
func (n Nodes) Close() {
	for _, node := range n {
		node.Close()
	}
}
