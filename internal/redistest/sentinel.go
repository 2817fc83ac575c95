package redistest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/redis/go-redis/v9"
)

// MasterName is what the sentinels call their master.
const MasterName = "mymaster"

// Sentinels are three sentinels, which watch a master with a replica.
type Sentinels struct {
	// Master and Replica are what they were at the start.
	Master, Replica *Server

	sentinels []*sentinel
}

type sentinel struct {
	port    int
	dir     string
	process *process
}

// LaunchSentinels starts them, and returns when they know each other and the replica. Whoever launches them closes them.
func LaunchSentinels() (s *Sentinels, err error) {
	s = &Sentinels{}
	defer func() {
		if err != nil {
			s.Close()
			s = nil
		}
	}()
	if s.Master, err = Launch(); err != nil {
		return s, err
	}
	if s.Replica, err = LaunchReplica(s.Master); err != nil {
		return s, err
	}
	for range 3 {
		one, err := launchSentinel(s.Master.port)
		if err != nil {
			return s, err
		}
		s.sentinels = append(s.sentinels, one)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	for _, addr := range s.Addrs() {
		if err := awaitSentinel(ctx, addr); err != nil {
			return s, fmt.Errorf("redistest: await the sentinels: %w", err)
		}
	}
	return s, nil
}

// launchSentinel starts a sentinel of the master on a port. It writes what it learns into its configuration.
func launchSentinel(master int) (*sentinel, error) {
	dir, err := os.MkdirTemp("", "redistest-")
	if err != nil {
		return nil, err
	}
	s := &sentinel{dir: dir}
	if s.port, err = freePort(); err == nil {
		config := filepath.Join(dir, "sentinel.conf")
		err = os.WriteFile(config, fmt.Appendf(nil, `port %d
bind 127.0.0.1
dir %s
sentinel monitor %[3]s 127.0.0.1 %[4]d 2
sentinel down-after-milliseconds %[3]s 500
sentinel failover-timeout %[3]s 3000
`, s.port, dir, MasterName, master), 0o600)
		if err == nil {
			s.process, err = startProcess([]string{config, "--sentinel"})
		}
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return s, nil
}

// awaitSentinel waits until a sentinel knows both others and the replica.
func awaitSentinel(ctx context.Context, addr string) error {
	client := redis.NewSentinelClient(&redis.Options{Addr: addr, DisableIdentity: true})
	defer client.Close() //nolint:errcheck // nothing was written
	return await(ctx, func() (bool, string, error) {
		master, err := client.Master(ctx, MasterName).Result()
		return master["num-slaves"] == "1" && master["num-other-sentinels"] == "2", fmt.Sprint(master), err
	})
}

// Replicated lets the master take no more writes, and waits until the replica has all of them.
func (s *Sentinels) Replicated(ctx context.Context) error {
	master, replica := s.Master.Client(), s.Replica.Client()
	if err := master.Do(ctx, "client", "pause", startPatience.Milliseconds(), "write").Err(); err != nil {
		return err
	}
	return await(ctx, func() (bool, string, error) {
		has, err := master.Info(ctx, "replication").Result()
		got, err2 := replica.Info(ctx, "replication").Result()
		return field(has, "master_repl_offset") == field(got, "slave_repl_offset"), got, errors.Join(err, err2)
	})
}

// field reads a field of INFO.
func field(info, name string) string {
	_, rest, _ := strings.Cut(info, name+":")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

// Addrs are the addresses of the sentinels.
func (s *Sentinels) Addrs() []string {
	addrs := make([]string, len(s.sentinels))
	for i, one := range s.sentinels {
		addrs[i] = fmt.Sprintf("127.0.0.1:%d", one.port)
	}
	return addrs
}

// Close ends all of them.
func (s *Sentinels) Close() {
	for _, one := range s.sentinels {
		one.process.stop()
		_ = os.RemoveAll(one.dir)
	}
	for _, server := range []*Server{s.Replica, s.Master} {
		if server != nil {
			server.Close()
		}
	}
}

// isReady tells by a line of its log whether a server serves. A sentinel says no more than whom it watches.
func isReady(line string) bool {
	return strings.Contains(line, "Ready to accept connections") || strings.Contains(line, "+monitor master")
}
