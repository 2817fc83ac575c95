package config

// Autopipeline says whether writes of several callers go to Redis together.
type Autopipeline struct {
	Writes string `env:"REDIS_AUTOPIPELINE" envDefault:"off" help:"on or off: send writes that come at the same time in one pipeline; measure first, see bench/README.md" group:"Redis"`
}

func (a Autopipeline) rules() []rule {
	return []rule{oneOf("REDIS_AUTOPIPELINE", a.Writes, "on", "off")}
}

// On tells whether they do.
func (a Autopipeline) On() bool { return a.Writes == "on" }
