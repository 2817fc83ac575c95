package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Examination says how to look at a Redis.
type Examination struct {
	// Fix repairs what can be repaired; each thread in one step, so that servers may go on writing meanwhile.
	Fix bool
	// Deep goes through all messages too; without it only through those of threads that look wrong.
	Deep bool
	// Progress, where it is set, hears now and then how many keys of about how many were looked at.
	Progress func(done, total int64)
}

// Report is what an examination has found.
type Report struct {
	// Layout is the one in Redis, nil where there is none yet.
	Layout  *Layout        `json:"layout"`
	Mode    RedisMode      `json:"mode"`
	Nodes   []NodeReport   `json:"nodes"`
	Buckets []BucketReport `json:"buckets"`
	// Examined counts what was looked at.
	Examined Examined  `json:"examined"`
	Findings []Finding `json:"findings"`
}

// NodeReport is what one server of Redis tells of itself. Bytes are of memory; MaxMemory is 0 for no bound.
type NodeReport struct {
	Addr          string  `json:"addr"`
	Version       string  `json:"version"`
	Role          string  `json:"role"`
	Replicas      int     `json:"replicas"`
	Policy        string  `json:"evictionPolicy"`
	Persistence   string  `json:"persistence"`
	UsedMemory    int64   `json:"usedMemoryBytes"`
	MaxMemory     int64   `json:"maxMemoryBytes"`
	Fragmentation float64 `json:"fragmentation"`
}

// BucketReport is where a bucket lies, and how many threads are in it. Node is empty but on a cluster.
type BucketReport struct {
	Bucket  int    `json:"bucket"`
	Tag     string `json:"tag"`
	Slot    int    `json:"slot"`
	Node    string `json:"node,omitempty"`
	Threads int64  `json:"threads"`
}

// Examined counts what an examination has looked at. Messages are those that were gone through.
type Examined struct {
	Keys     int64 `json:"keys"`
	Threads  int64 `json:"threads"`
	Messages int64 `json:"messages"`
	Entries  int64 `json:"indexEntries"`
}

// Healthy tells whether nothing is left to do.
func (r *Report) Healthy() bool {
	for _, f := range r.Findings {
		if f.Fixed < f.Count {
			return false
		}
	}
	return true
}

// Examine looks at the Redis that options name: how it is set up, how the buckets lie, and whether what the indexes say of every thread
// is true. It reads in bounded steps, and changes nothing unless it is told to. An error says that it could not look.
func Examine(ctx context.Context, opts Options, e Examination) (*Report, error) {
	if opts.Connection.Embedded() {
		return nil, errors.New("the embedded Redis ends with its server, so there is nothing to look at; name a Redis by REDIS_HOST, REDIS_URL or REDIS_ADDRS")
	}
	opts.SweepInterval, opts.LayoutInterval, opts.Adopt = 0, 0, Adopt{}
	s, err := Open(opts)
	if err != nil {
		return nil, err
	}
	defer s.Close()         //nolint:errcheck // nothing of it is needed any more
	s.gate.open.Store(true) // who looks at what is wrong must not be stopped by it
	if err := s.Ping(ctx); err != nil {
		return nil, err
	}
	d := &doctor{s: s, Examination: e, report: &Report{Mode: s.mode}}
	if err := d.examine(ctx); err != nil {
		return nil, err
	}
	d.report.Findings = d.list()
	return d.report, nil
}

// doctor is one examination under way.
type doctor struct {
	findings
	Examination

	s      *Store
	report *Report
	total  int64
}

func (d *doctor) examine(ctx context.Context) error {
	if err := d.examineLayout(ctx); err != nil {
		return err
	}
	d.examineSharded(ctx)
	nodes, err := d.s.checkNodes(ctx, &d.findings)
	if err != nil {
		return translate(err)
	}
	d.examineNodes(nodes)
	if err := d.placeBuckets(ctx); err != nil {
		return err
	}
	if err := d.examineKeys(ctx); err != nil {
		return err
	}
	d.weighBuckets()
	return d.mendLayout(ctx)
}

// examineLayout takes over the number of buckets that Redis has: where that is not the configured one, what is there is looked at.
func (d *doctor) examineLayout(ctx context.Context) error {
	have, found, err := d.s.readLayout(ctx)
	if wrong, ok := errors.AsType[*LayoutError](err); ok {
		d.add("layout", Problem, wrong.Error(), "")
		return nil
	}
	if err != nil || !found {
		return err
	}
	d.report.Layout = &have
	if want := d.s.layout(); have.Buckets != want.Buckets || !have.becomes(want.Version) {
		wrong := &LayoutError{Prefix: d.s.opts.Prefix, Want: d.s.layout(), Have: have}
		d.add("layout", Problem, wrong.Error(), "")
	}
	if (have.Version == layoutClassic || have.Version == layoutSharded) && ValidBuckets(have.Buckets) {
		d.s.opts.Buckets = have.Buckets
		d.s.keys = newKeyspace(d.s.opts.Prefix, have.Buckets)
	}
	return nil
}

// mendLayout writes the layout where threads were found without one.
func (d *doctor) mendLayout(ctx context.Context) error {
	there, err := d.s.rdb.Exists(ctx, d.s.keys.layout()).Result()
	if err != nil || there > 0 || d.report.Examined.Threads == 0 {
		return translate(err)
	}
	found := d.add("layout-missing", Warning,
		"The number of buckets is not written in Redis, as if it had been evicted or deleted; the next server that starts writes its own, so start one with the right REDIS_BUCKETS, or use --fix.", "")
	if d.Fix {
		if _, err := d.s.claimLayout(ctx); err != nil {
			return err
		}
		found.Fixed++
		d.report.Layout = ptr(d.s.layout())
	}
	return nil
}

// examineNodes reports the nodes, and what does not matter enough for health.
func (d *doctor) examineNodes(nodes []node) {
	const fragmented, much = 1.5, 100 << 20
	for _, n := range nodes {
		ratio := n.number("mem_fragmentation_ratio")
		d.report.Nodes = append(d.report.Nodes, NodeReport{
			Addr: n.addr, Version: n.version(), Role: n.info["role"], Replicas: int(n.number("connected_slaves")),
			Policy: n.info["maxmemory_policy"], Persistence: n.persistence(),
			UsedMemory: int64(n.number("used_memory")), MaxMemory: int64(n.number("maxmemory")), Fragmentation: ratio,
		})
		if ratio > fragmented && n.number("used_memory_rss")-n.number("used_memory") > much {
			d.add("memory-fragmented", Warning,
				fmt.Sprintf("Redis takes %.1f times the memory that its data needs; set activedefrag yes, or restart it when that suits.", ratio), n.addr)
		}
		if d.s.mode == Cluster && n.number("connected_slaves") == 0 {
			d.add("no-replica", Warning, "A master of the cluster has no replica, so that its threads cannot be reached while it is away; add one.", n.addr)
		}
	}
}

// placeBuckets reports which node has which bucket.
func (d *doctor) placeBuckets(ctx context.Context) error {
	var slots []redis.ClusterSlot
	if cluster, ok := d.s.rdb.(*redis.ClusterClient); ok {
		var err error
		//nolint:staticcheck // go-redis asks by it too, so that its addresses are those of the nodes; CLUSTER SHARDS has them in other forms
		if slots, err = cluster.ClusterSlots(ctx).Result(); err != nil {
			return translate(err)
		}
	}
	served := make(map[string]bool)
	for b, tag := range d.s.keys.buckets {
		bucket := BucketReport{Bucket: b, Tag: tag, Slot: slotOf(tag)}
		for _, r := range slots {
			if r.Start <= bucket.Slot && bucket.Slot <= r.End && len(r.Nodes) > 0 {
				bucket.Node = r.Nodes[0].Addr
				served[bucket.Node] = true
			}
		}
		d.report.Buckets = append(d.report.Buckets, bucket)
	}
	for _, n := range d.report.Nodes {
		if len(slots) > 0 && !served[n.Addr] {
			d.add("idle-master", Warning, "A master of the cluster has none of the buckets, so that it does nothing; move slots to it, or start anew with more REDIS_BUCKETS.", n.Addr)
		}
	}
	return nil
}

// weighBuckets looks whether the threads are spread evenly; a few of them never are.
func (d *doctor) weighBuckets() {
	const enough, skewed = 1000, 2
	mean := d.report.Examined.Threads / int64(len(d.report.Buckets))
	for _, b := range d.report.Buckets {
		if mean >= enough && b.Threads > skewed*mean {
			d.add("bucket-skew", Warning, "A bucket has more than twice as many threads as the average, so that its node has more to do than the others; choose thread ids at random.", fmt.Sprintf("bucket %d", b.Bucket))
		}
	}
}

// sweepGrace is how long after its expiry what is left of a thread is no finding: the servers clear it away every CLEANUP_INTERVAL.
const sweepGrace = 10 * time.Minute
