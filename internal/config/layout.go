package config

// Layout says how threads lie in Redis.
type Layout struct {
	Buckets int `env:"REDIS_BUCKETS" envDefault:"16" help:"hash tags that the threads are spread over, fixed by the first use of a Redis; a power of two, 1 to 256" group:"Redis"`
}

func (l Layout) rules() []rule {
	ok := l.Buckets >= 1 && l.Buckets <= 256 && l.Buckets&(l.Buckets-1) == 0
	return []rule{{"REDIS_BUCKETS", "a power of two, 1 to 256", ok}}
}
