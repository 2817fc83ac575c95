package store

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/redis/go-redis/v9"
)

// newCluster makes the client of a cluster. go-redis 9.23 looks at the map of slots once a minute and where a node sends it elsewhere,
// and not where a node does not answer: behind a failover calls would fail for that minute, 58 s in a trial. So a node that
// fails makes it look at once.
func newCluster(o *redis.ClusterOptions) *redis.ClusterClient {
	var cluster *redis.ClusterClient
	newNode := o.NewClient
	if newNode == nil {
		newNode = redis.NewClient
	}
	o.NewClient = func(node *redis.Options) *redis.Client {
		client := newNode(node)
		client.AddHook(lookAgain{func(ctx context.Context) { cluster.ReloadState(ctx) }})
		return client
	}
	cluster = redis.NewClusterClient(o)
	return cluster
}

// lookAgain is a hook of the client of one node that calls reload where the node seems to be gone. To reload twice at a time is the
// same as once for go-redis.
type lookAgain struct{ reload func(ctx context.Context) }

// DialHook looks at connections that cannot be made.
func (l lookAgain) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		l.look(ctx, err)
		return conn, err
	}
}

// ProcessHook looks at calls.
func (l lookAgain) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		l.look(ctx, err)
		return err
	}
}

// ProcessPipelineHook looks at pipelines and transactions.
func (l lookAgain) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		l.look(ctx, err)
		return err
	}
}

func (l lookAgain) look(ctx context.Context, err error) {
	var network net.Error
	switch {
	case err == nil, ctx.Err() != nil: // the caller has gone, which says nothing of the node
	case errors.As(err, &network), errors.Is(err, io.EOF), redis.HasErrorPrefix(err, "CLUSTERDOWN"), redis.HasErrorPrefix(err, "READONLY"):
		l.reload(ctx)
	}
}
