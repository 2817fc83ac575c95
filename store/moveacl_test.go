package store

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

// TestACLRulesOfMoves: with the rights that docs/operations.md gives for it, each way of moving threads works, and each of them is needed.
func TestACLRulesOfMoves(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	admin := server.Client()
	base := ruleOf(t, "agentstate")
	users := 0
	attempt := func(more []string, do func(*Store, *redis.Client) error) error {
		users++
		user := fmt.Sprintf("user%d", users)
		args := []any{"acl", "setuser", user}
		for _, word := range append(append([]string{}, base...), more...) {
			args = append(args, word)
		}
		require.NoError(t, admin.Do(t.Context(), args...).Err())
		require.NoError(t, admin.ScriptFlush(t.Context()).Err())
		return do(openWith(t, func() Options {
			o := DefaultOptions()
			o.Prefix, o.SweepInterval, o.LayoutInterval = "thread:"+user, 0, 0
			o.Connection.URL = "redis://" + user + ":password@" + server.Addr()
			return o
		}()), admin)
	}
	for rule, do := range map[string]func(*Store, *redis.Client) error{
		"adopter": func(s *Store, admin *redis.Client) error {
			if err := admin.Set(t.Context(), s.keys.oldKey("one"), oldText("one", 1), time.Hour).Err(); err != nil {
				return err
			}
			_, err := s.AdoptAll(t.Context(), Adopting{})
			return err
		},
		"mover": func(s *Store, _ *redis.Client) error {
			th := s.For("")
			_, err := th.Append(t.Context(), "one", Append{Messages: numbered(1, 40), CreateIfMissing: true}, nil)
			if err == nil {
				_, err = th.Edit(t.Context(), "one", Edit{Steps: []Step{Remove("m3")}}, nil)
			}
			if err != nil {
				return err
			}
			var file bytes.Buffer
			if _, err := s.Export(t.Context(), &file, Exporting{}); err != nil {
				return err
			}
			if err := th.Delete(t.Context(), "one", nil); err != nil {
				return err
			}
			_, err = s.Import(t.Context(), &file, Importing{})
			return err
		},
	} {
		rights := ruleOf(t, rule)
		require.NoError(t, attempt(rights, do))
		for i, word := range rights {
			require.True(t, strings.HasPrefix(word, "+"))
			require.Error(t, attempt(append(append([]string{}, rights[:i]...), rights[i+1:]...), do), "%s of %s is not needed", word, rule)
		}
	}
}
