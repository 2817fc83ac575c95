//go:build linux

// Autopipeline measures what sending writes together (REDIS_AUTOPIPELINE) costs and gains: appends of 562 bytes to 100 threads by 1 to
// 256 callers at once, through the store, with the plain pool and with go-redis' autopipeliner in turn. Redis is named by its argument.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"agentstate/store"
)

const (
	threads = 100
	rounds  = 5
	span    = 2 * time.Second
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("give the host:port of an empty Redis")
	}
	content, err := json.Marshal(strings.Repeat("x", 500))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("| callers | appends/s, plain | together | ratio | CPU of an append, us, plain | together | ratio |\n|---|---|---|---|---|---|---|")
	for _, callers := range []int{1, 16, 64, 256} {
		var rate, cpu [2][]float64
		for range rounds {
			for way := range 2 {
				r, c := measure(way == 1, callers, content)
				rate[way], cpu[way] = append(rate[way], r), append(cpu[way], c)
			}
		}
		a, b, c, d := median(rate[0]), median(rate[1]), median(cpu[0]), median(cpu[1])
		fmt.Printf("| %d | %.0f | %.0f | %.2f | %.1f | %.1f | %.2f |\n", callers, a, b, b/a, c, d, d/c)
	}
}

// measure gives appends in a second, and the CPU of this process for each in microseconds.
func measure(together bool, callers int, content []byte) (rate, cpu float64) {
	o := store.DefaultOptions()
	o.Connection.Addrs, o.Connection.Autopipeline = []string{os.Args[1]}, together
	o.Connection.MaxConnections, o.MaxThreadMessages, o.Trim = 256, 1000, true
	s, err := store.Open(o)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // nothing is left to do
	var count atomic.Int64
	load := func(d time.Duration) {
		var all sync.WaitGroup
		end := time.Now().Add(d)
		for w := range callers {
			all.Go(func() {
				for i := 0; time.Now().Before(end); i++ {
					m := &store.Message{MessageID: fmt.Sprintf("%d-%d-%d", end.UnixNano(), w, i), Type: store.Human, Content: content}
					a := store.Append{Messages: []*store.Message{m}, CreateIfMissing: true}
					if _, err := s.For("ann").Append(context.Background(), fmt.Sprintf("t%d", (w*7+i)%threads), a, nil); err != nil {
						log.Fatal(err)
					}
					count.Add(1)
				}
			})
		}
		all.Wait()
	}
	load(span / 4)
	count.Store(0)
	before, start := used(), time.Now()
	load(span)
	n := float64(count.Load())
	return n / time.Since(start).Seconds(), (used() - before).Seconds() * 1e6 / n
}

// used is what this process has used of the CPU.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}
