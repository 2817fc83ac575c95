package config

import (
	"net/url"
	"slices"
	"strings"
)

// Browsers says which pages may use the API, and how much of itself the server shows.
type Browsers struct {
	AllowedOrigins []string `env:"CORS_ALLOWED_ORIGINS" help:"origins of the pages that may use the API beside the server's own, such as https://app.example,https://admin.example; * for all" group:"Browsers"`
	Introspection  string   `env:"INTROSPECTION" help:"on or off: whether clients may ask for the schema, and errors suggest what was meant; without it on, and off where ENVIRONMENT is production"`
	Playground     string   `env:"PLAYGROUND" help:"on or off: whether / is the playground; without it on, and off where ENVIRONMENT is production"`
	Inspector      string   `env:"INSPECTOR" help:"on or off: whether /threads is the page that shows threads, to who may read them; without it on, and off where ENVIRONMENT is production"`
}

// production is the ENVIRONMENT in which the server shows nothing of itself that it was not told to.
const production = "production"

func (b Browsers) rules() []rule {
	return []rule{
		{
			"CORS_ALLOWED_ORIGINS", "https://host or http://host:port,… as browsers write it: in lower case, without a path or the default port; or * alone",
			!slices.ContainsFunc(b.AllowedOrigins, func(o string) bool { return !isOrigin(o) && (o != "*" || len(b.AllowedOrigins) > 1) }),
		},
		onOrOff("INTROSPECTION", b.Introspection),
		onOrOff("PLAYGROUND", b.Playground),
		onOrOff("INSPECTOR", b.Inspector),
	}
}

func onOrOff(name, value string) rule {
	r := oneOf(name, value, "on", "off")
	r.ok = r.ok || value == ""
	return r
}

// isOrigin tells whether a browser would write an origin so (https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin): anything
// else would never match.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	if err != nil || text != u.Scheme+"://"+u.Host || text != strings.ToLower(text) || !isHostOfURL(u) {
		return false
	}
	return (u.Scheme == "https" && u.Port() != "443") || (u.Scheme == "http" && u.Port() != "80")
}

// isHostOfURL tells whether a URL has a host that is no pattern, and a whole port if it has a colon.
func isHostOfURL(u *url.URL) bool {
	return u.Hostname() != "" && !strings.HasSuffix(u.Host, ":") && !strings.ContainsAny(u.Host, "*,") && u.User == nil
}

// HideSchema tells whether introspection and suggestions are off.
func (c Config) HideSchema() bool { return !c.shows(c.Browsers.Introspection) }

// HidePlayground tells whether there is nothing at /.
func (c Config) HidePlayground() bool { return !c.shows(c.Browsers.Playground) }

// HideInspector tells whether there is nothing at /threads.
func (c Config) HideInspector() bool { return !c.shows(c.Browsers.Inspector) }

// shows gives what a value of on or off means, or none in this environment.
func (c Config) shows(value string) bool {
	if value == "" {
		return !strings.EqualFold(c.Environment, production)
	}
	return value == "on"
}
