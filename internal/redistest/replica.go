package redistest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// LaunchReplica starts a replica of a server, with further arguments for it, and returns when it has all of its data. Whoever launches
// it closes it.
func LaunchReplica(of *Server, args ...string) (*Server, error) {
	replica, err := Launch(append([]string{"--replicaof", "127.0.0.1 " + fmt.Sprint(of.port)}, args...)...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	if err := awaitLink(ctx, replica.Client()); err != nil {
		replica.Close()
		return nil, fmt.Errorf("redistest: await the replica: %w", err)
	}
	return replica, nil
}

// awaitLink waits until a replica follows its master.
func awaitLink(ctx context.Context, client *redis.Client) error {
	return await(ctx, func() (bool, string, error) {
		info, err := client.Info(ctx, "replication").Result()
		return strings.Contains(info, "master_link_status:up"), info, err
	})
}

// await asks again and again until the answer is yes; what it was told last is in the error.
func await(ctx context.Context, ask func() (yes bool, told string, err error)) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		yes, told, err := ask()
		if err != nil || yes {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; the node says:\n%s", ctx.Err(), told)
		case <-ticker.C:
		}
	}
}
