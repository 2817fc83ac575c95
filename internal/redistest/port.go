package redistest

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are taken from below what systems hand out to outgoing connections (from 32768 on Linux), so that no connection takes
// the port of a server that is down for a moment.
const firstPort, lastPort = 20000, 31999

// freePort gives a port of loopback that nobody listens on at the moment.
func freePort() (int, error) {
	var err error
	for range portAttempts {
		port := firstPort + rand.IntN(lastPort-firstPort+1) //nolint:gosec // any port will do
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("redistest: no free port: %w", err)
}
