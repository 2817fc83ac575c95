package store

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// Documents are texts of GraphQL operations that clients name by their hash, shared by all processes. The store does not look into
// them: whoever saves one has checked it.

// Document gives the document of a hash, and keeps it for another ttl; found is false where there is none. One round trip; the
// error is ErrUnavailable.
func (s *Store) Document(ctx context.Context, hash string, ttl time.Duration) (text string, found bool, err error) {
	text, err = s.rdb.GetEx(ctx, s.keys.document(hash), ttl).Result()
	if errors.Is(err, redis.Nil) {
		return "", false, nil
	}
	return text, err == nil, translate(err)
}

// SaveDocument keeps a document under its hash for ttl from now on, and may be repeated. One round trip; the error is
// ErrUnavailable.
func (s *Store) SaveDocument(ctx context.Context, hash, text string, ttl time.Duration) error {
	return translate(s.rdb.Set(ctx, s.keys.document(hash), text, ttl).Err())
}
