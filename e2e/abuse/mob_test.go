//go:build linux

package abuse

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The bad clients are a process of their own, this program in another role, with the lowest priority: what they do to the server is to be
// seen, and not what they take from the good clients beside them. mobVariable names the address of the server there.
const mobVariable = "ABUSE_MOB"

func TestMain(m *testing.M) {
	if addr := os.Getenv(mobVariable); addr != "" {
		if err := runMob(addr); err != nil {
			fmt.Fprintln(os.Stderr, "mob:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// chosen are the kinds of bad clients that are let loose.
func chosen(only string) (some []kind) {
	for _, kind := range kinds {
		if strings.Contains(kind.name, only) {
			some = append(some, kind)
		}
	}
	return some
}

// order is what the mob is told by its standard input, whose end is the end of the mob.
type order struct {
	Abusers int
	Only    string
	Seed    uint64
}

// runMob lets the bad clients loose, of each kind as many as of the others, and tells what they have done, again and again.
func runMob(addr string) error {
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, 19); err != nil {
		return err
	}
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadBytes('\n')
	var o order
	if err == nil {
		err = json.Unmarshal(line, &o)
	}
	if err != nil {
		return err
	}
	some := chosen(o.Only)
	deeds := make([]atomic.Int64, len(some))
	ctx, cancel := context.WithCancel(context.Background())
	var runs sync.WaitGroup
	for i := range o.Abusers {
		kind := i % len(some)
		runs.Go(func() {
			random := rand.New(rand.NewPCG(o.Seed, uint64(i)))
			for ctx.Err() == nil {
				some[kind].act(&foe{ctx: ctx, addr: addr, random: random, done: func() { deeds[kind].Add(1) }})
				pause(ctx, time.Duration(1+random.IntN(20))*time.Millisecond)
			}
		})
	}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	tell := json.NewEncoder(os.Stdout)
	for {
		pause(ctx, 100*time.Millisecond)
		over := ctx.Err() != nil
		if over {
			runs.Wait() // they hang up
		}
		counts := make([]int64, len(deeds))
		for i := range deeds {
			counts[i] = deeds[i].Load()
		}
		if err := tell.Encode(counts); err != nil || over {
			return err
		}
	}
}

// mob is the process of the bad clients.
type mob struct {
	tb    testing.TB
	kinds []kind
	deeds []atomic.Int64 // of each kind, what it has got done
	stop  func()         // ends them, and waits for it
}

// unleash starts the bad clients.
func unleash(tb testing.TB, addr string) *mob {
	tb.Helper()
	m := &mob{tb: tb, kinds: chosen(*only)}
	require.NotEmpty(tb, m.kinds, "no kind of bad client is called %q", *only)
	m.deeds = make([]atomic.Int64, len(m.kinds))
	self, err := os.Executable()
	require.NoError(tb, err)
	command := exec.Command(self)
	command.Env = append(os.Environ(), mobVariable+"="+addr)
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	require.NoError(tb, err)
	out, err := command.StdoutPipe()
	require.NoError(tb, err)
	require.NoError(tb, command.Start())
	heard := make(chan struct{})
	go func() { // ends with the process
		defer close(heard)
		for lines := json.NewDecoder(out); ; {
			counts := make([]int64, 0, len(m.deeds))
			if lines.Decode(&counts) != nil {
				return
			}
			for i, n := range counts {
				m.deeds[i].Store(n)
			}
		}
	}()
	m.stop = sync.OnceFunc(func() {
		_ = in.Close()
		<-heard
		assert.NoError(tb, command.Wait(), "the bad clients")
	})
	tb.Cleanup(m.stop)
	require.NoError(tb, json.NewEncoder(in).Encode(order{*abusers, *only, *seed}))
	return m
}

// done tells whether each kind has done its worst: else the run proves nothing.
func (m *mob) done() bool {
	for i := range m.kinds {
		if m.deeds[i].Load() == 0 {
			return false
		}
	}
	return true
}

// check wants that too, and names what has not.
func (m *mob) check() {
	m.tb.Helper()
	for i, kind := range m.kinds {
		assert.Positive(m.tb, m.deeds[i].Load(), "%s: %s", kind.name, kind.deed)
	}
}
