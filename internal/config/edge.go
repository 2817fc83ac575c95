package config

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Edge bounds what one client may ask of the server, beside what Limits says of the data. The help says where 0 is no limit.
type Edge struct {
	MaxDepth      int `env:"MAX_QUERY_DEPTH" envDefault:"20" help:"fields below each other in an operation; 2 to 1000" group:"Edge"`
	MaxAliases    int `env:"MAX_QUERY_ALIASES" envDefault:"50" help:"aliases of an operation, with those of its fragments as often as they are spread; 1 to 100000"`
	MaxRootFields int `env:"MAX_QUERY_ROOT_FIELDS" envDefault:"20" help:"fields at the root of an operation; 1 to 100000"`
	MaxDirectives int `env:"MAX_QUERY_DIRECTIVES" envDefault:"50" help:"directives of an operation, with those of its fragments as often as they are spread; 1 to 100000"`
	MaxFields     int `env:"MAX_QUERY_FIELDS" envDefault:"500" help:"fields written in a document; 1 to 100000"`
	MaxRepeats    int `env:"MAX_QUERY_REPEATS" envDefault:"100" help:"fields of one name in a document; 1 to 100000"`
	MaxOperations int `env:"MAX_QUERY_OPERATIONS" envDefault:"20" help:"operations of a document; 1 to 10000"`
	MaxNameBytes  int `env:"MAX_QUERY_NAME_BYTES" envDefault:"60" help:"bytes of a name that a document takes from the schema; 30 to 100000"`
	MaxComplexity int `env:"MAX_QUERY_COMPLEXITY" envDefault:"10000" help:"objects that an operation may read, by its first, last and limit; 100 to 10000000"`

	RequestRate  int  `env:"MAX_REQUESTS_PER_SECOND" envDefault:"0" help:"requests of one caller per second, operations of a WebSocket among them; 0 to 1000000, 0 is no limit"`
	RequestBurst int  `env:"MAX_REQUEST_BURST" envDefault:"0" help:"requests of one caller at once after a pause; 0 to 10000000, 0 is those of two seconds"`
	ShareRates   bool `env:"SHARE_REQUEST_RATES" envDefault:"false" help:"count them for all processes on one Redis together, which costs a round trip each; while it does not answer each counts by itself"`

	MaxStreams               int `env:"MAX_CONNECTIONS" envDefault:"20000" help:"WebSockets and event streams in all; 0 to 10000000, 0 is no limit"`
	MaxCallerStreams         int `env:"MAX_CONNECTIONS_PER_CALLER" envDefault:"5000" help:"WebSockets and event streams of one caller; 0 to 10000000, 0 is no limit"`
	MaxConnectionOperations  int `env:"MAX_CONNECTION_OPERATIONS" envDefault:"1000" help:"operations that run on one WebSocket at once; 1 to 100000"`
	MaxConnectionBytesSecond int `env:"MAX_CONNECTION_BYTES_PER_SECOND" envDefault:"8388608" help:"bytes per second that are read from one WebSocket, more wait; 0 to 1073741824, 0 is no limit"`

	OperationTimeout   Duration `env:"OPERATION_TIMEOUT" envDefault:"30s" help:"how long a query or mutation may take; 100ms to 1h"`
	RequestBodyTimeout Duration `env:"REQUEST_BODY_TIMEOUT" envDefault:"30s" help:"how long a client may take to send the body of a request; 100ms to 1h"`

	TrustedProxies []string `env:"TRUSTED_PROXIES" help:"addr/bits,… of proxies whose X-Forwarded-For is believed; without them a caller is the address that connects"`
}

func (e Edge) rules() []rule {
	const many, most = 100_000, 10_000_000
	return []rule{
		between("MAX_QUERY_DEPTH", e.MaxDepth, 2, 1000),
		between("MAX_QUERY_ALIASES", e.MaxAliases, 1, many),
		between("MAX_QUERY_ROOT_FIELDS", e.MaxRootFields, 1, many),
		between("MAX_QUERY_DIRECTIVES", e.MaxDirectives, 1, many),
		between("MAX_QUERY_FIELDS", e.MaxFields, 1, many),
		between("MAX_QUERY_REPEATS", e.MaxRepeats, 1, many),
		between("MAX_QUERY_OPERATIONS", e.MaxOperations, 1, 10_000),
		between("MAX_QUERY_NAME_BYTES", e.MaxNameBytes, 30, many),
		between("MAX_QUERY_COMPLEXITY", e.MaxComplexity, 100, most),
		between("MAX_REQUESTS_PER_SECOND", e.RequestRate, 0, 1_000_000),
		between("MAX_REQUEST_BURST", e.RequestBurst, 0, most),
		oneOf("SHARE_REQUEST_RATES", strconv.FormatBool(e.ShareRates), "true", "false"),
		between("MAX_CONNECTIONS", e.MaxStreams, 0, most),
		between("MAX_CONNECTIONS_PER_CALLER", e.MaxCallerStreams, 0, most),
		between("MAX_CONNECTION_OPERATIONS", e.MaxConnectionOperations, 1, many),
		between("MAX_CONNECTION_BYTES_PER_SECOND", e.MaxConnectionBytesSecond, 0, 1<<30),
		between("OPERATION_TIMEOUT", e.OperationTimeout, Duration(100*time.Millisecond), Duration(time.Hour)),
		between("REQUEST_BODY_TIMEOUT", e.RequestBodyTimeout, Duration(100*time.Millisecond), Duration(time.Hour)),
		{"TRUSTED_PROXIES", "addresses, or networks as addr/bits, separated by commas", !slices.ContainsFunc(e.TrustedProxies, notNetwork)},
	}
}

// conflicts tells where limits are shared that are not there: who asks for it would believe that he has them.
func (e Edge) conflicts() []error {
	if e.ShareRates && e.RequestRate == 0 {
		return []error{errors.New("SHARE_REQUEST_RATES: set MAX_REQUESTS_PER_SECOND too, there is no limit to share")}
	}
	return nil
}

// Networks gives TrustedProxies as networks; an address alone is a network of one.
func (e Edge) Networks() []netip.Prefix {
	var networks []netip.Prefix
	for _, text := range e.TrustedProxies {
		if network, err := network(text); err == nil { // checked by Load
			networks = append(networks, network)
		}
	}
	return networks
}

func notNetwork(text string) bool {
	_, err := network(text)
	return err != nil
}

func network(text string) (netip.Prefix, error) {
	text = strings.TrimSpace(text)
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr.Unmap().Prefix(addr.Unmap().BitLen())
	}
	network, err := netip.ParsePrefix(text)
	return network.Masked(), err
}
