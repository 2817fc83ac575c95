package redistest

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// slots is how many hash slots a cluster has. https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
const slots = 16384

// clusterArgs make a server a node. The short timeout lets the nodes get to know each other quickly: a node that was met is asked
// within half of it.
var clusterArgs = []string{"--cluster-enabled", "yes", "--cluster-node-timeout", "2000"}

// Nodes are the nodes of a cluster.
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
		node, err := Launch(clusterArgs...)
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
	return nodes, nodes.await(ctx)
}

// await waits until all nodes know each other and serve.
func (n Nodes) await(ctx context.Context) error {
	for _, node := range n {
		if err := awaitCluster(ctx, node.Client(), len(n)); err != nil {
			return fmt.Errorf("redistest: await the cluster: %w", err)
		}
	}
	return nil
}

// LaunchReplicatedCluster is LaunchCluster for one in which each master has a replica: that of node i is node masters+i.
func LaunchReplicatedCluster(masters int) (nodes Nodes, err error) {
	nodes, err = LaunchCluster(masters)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			nodes.Close()
			nodes = nil
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	for range masters {
		node, err := Launch(clusterArgs...)
		if err != nil {
			return nodes, err
		}
		nodes = append(nodes, node)
		if err := nodes.meet(ctx, node.Client()); err != nil {
			return nodes, err
		}
	}
	if err := nodes.await(ctx); err != nil {
		return nodes, err
	}
	for i, node := range nodes[masters:] {
		id, err := nodes[i].Client().ClusterMyID(ctx).Result()
		if err == nil {
			err = node.Client().ClusterReplicate(ctx, id).Err()
		}
		if err == nil {
			err = awaitLink(ctx, node.Client())
		}
		if err != nil {
			return nodes, fmt.Errorf("redistest: make a replica: %w", err)
		}
	}
	heard, done := context.WithTimeout(context.Background(), 3*startPatience) // it is passed on from node to node
	defer done()
	for _, node := range nodes {
		if err := awaitReplicas(heard, node.Client()); err != nil {
			return nodes, fmt.Errorf("redistest: await the replicas: %w", err)
		}
	}
	return nodes, nil
}

// awaitReplicas waits until a node has heard that each master has a replica.
func awaitReplicas(ctx context.Context, client *redis.Client) error {
	return await(ctx, func() (bool, string, error) {
		ranges, err := client.Do(ctx, "cluster", "slots").Slice()
		alone := slices.ContainsFunc(ranges, func(r any) bool { // each is first, last, master, replicas
			nodes, ok := r.([]any)
			return !ok || len(nodes) < 4
		})
		return !alone, fmt.Sprint(ranges), err
	})
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
	return n.meet(ctx, client)
}

// meet introduces a node to the first one.
func (n Nodes) meet(ctx context.Context, client *redis.Client) error {
	host, port, err := net.SplitHostPort(n[0].Addr())
	if err != nil {
		return err
	}
	return client.Do(ctx, "cluster", "meet", host, port, n[0].busPort).Err()
}

// awaitCluster waits until a node serves all slots and knows all nodes.
func awaitCluster(ctx context.Context, client *redis.Client, nodes int) error {
	return await(ctx, func() (bool, string, error) {
		info, err := client.ClusterInfo(ctx).Result()
		return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d\r\n", nodes)), info, err
	})
}

// AwaitMaster waits until a node that was a replica is a master.
func (n Nodes) AwaitMaster(ctx context.Context, node *Server) error {
	client := node.Client()
	return await(ctx, func() (bool, string, error) {
		info, err := client.Info(ctx, "replication").Result()
		return strings.Contains(info, "role:master"), info, err
	})
}

// handOverTimeout is after how long Redis gives up a failover that it was asked for; CLUSTER_MF_TIMEOUT in its source.
const handOverTimeout = 5 * time.Second

// HandOver lets a master hand over to a replica of it, while clients go on. That Redis takes the command does not mean that it succeeds, so
// it is given again when Redis must have given up: https://redis.io/docs/latest/commands/cluster-failover/
func (n Nodes) HandOver(ctx context.Context, replica *Server) error {
	client := replica.Client()
	var asked time.Time
	return await(ctx, func() (bool, string, error) {
		info, err := client.Info(ctx, "replication").Result()
		if err != nil || strings.Contains(info, "role:master") {
			return err == nil, info, err
		}
		if time.Since(asked) > handOverTimeout+time.Second {
			asked = time.Now()
			err = client.ClusterFailover(ctx).Err()
		}
		return false, info, err
	})
}

// AwaitOwners waits until each of the nodes knows that they, and no others, have the slots.
func (n Nodes) AwaitOwners(ctx context.Context) error {
	for _, node := range n {
		err := await(ctx, func() (bool, string, error) {
			ranges, err := node.Client().ClusterSlots(ctx).Result() //nolint:staticcheck // CLUSTER SHARDS is a master's of Redis 7 alone
			stranger := slices.ContainsFunc(ranges, func(r redis.ClusterSlot) bool { return !slices.Contains(n.Addrs(), r.Nodes[0].Addr) })
			return !stranger, fmt.Sprint(ranges), err
		})
		if err != nil {
			return err
		}
	}
	return nil
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
