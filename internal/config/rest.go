package config

// REST says whether the endpoints of the service that this one replaces are served.
type REST struct {
	Endpoints string `env:"REST_ENDPOINTS" envDefault:"on" help:"on or off: whether the REST endpoints of the replaced service are served under /redis" group:"REST"`
}

func (r REST) rules() []rule {
	return []rule{oneOf("REST_ENDPOINTS", r.Endpoints, "on", "off")}
}

// Served tells whether the endpoints are served.
func (r REST) Served() bool { return r.Endpoints == "on" }
