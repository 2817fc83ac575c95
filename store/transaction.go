package store

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// readTx runs commands that only read in one transaction, so that what they bring is of one instant. go-redis repeats other reads
// whose reply was lost with the connection, but never a transaction; queue is called anew for each attempt.
func (s *Store) readTx(ctx context.Context, queue func(pipe redis.Pipeliner)) error {
	for attempt := 0; ; attempt++ {
		_, err := s.rdb.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
			queue(pipe)
			return nil
		})
		if err = ignoreNil(err); attempt == readRetries || !isLost(err) {
			return translate(err)
		}
		select {
		case <-ctx.Done():
			return translate(ctx.Err())
		case <-time.After(minBackoff << attempt):
		}
	}
}

// isLost tells whether a connection broke ahead of a reply. Timeouts are not meant: who has waited for one shall not wait for
// several; and dialling go-redis has repeated itself.
func isLost(err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	var broken *net.OpError
	return errors.As(err, &broken) && broken.Op != "dial" && !broken.Timeout()
}
