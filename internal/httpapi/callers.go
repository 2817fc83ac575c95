package httpapi

import (
	"net/http"
	"net/netip"
	"strings"
)

// CallerByAddress gives the caller of a request as the address that it comes from: what limits count by where nobody is known better.
// Behind one of the given proxies that is the last address in X-Forwarded-For which is not one of theirs; from anywhere else the
// header is not believed, since anybody can send it. The addresses of an IPv6 network of 64 bits are one caller: a host has all of
// them (RFC 6177, section 2).
func CallerByAddress(proxies []netip.Prefix) func(*http.Request) string {
	trusted := func(addr netip.Addr) bool {
		for _, network := range proxies {
			if network.Contains(addr) {
				return true
			}
		}
		return false
	}
	return func(r *http.Request) string {
		port, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil {
			return r.RemoteAddr // a Unix socket has no address
		}
		addr := port.Addr().Unmap().WithZone("")
		if !trusted(addr) {
			return network(addr)
		}
		// Each proxy adds the address that it was called from at the end, be it as a header of its own.
		headers := r.Header.Values("X-Forwarded-For")
		for i := len(headers) - 1; i >= 0; i-- {
			for rest, more := headers[i], true; more; {
				var text string
				if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
					rest, text = rest[:comma], rest[comma+1:]
				} else {
					text, more = rest, false
				}
				hop, err := forwarded(strings.TrimSpace(text))
				if err != nil {
					return network(addr) // what stands further ahead is not the word of a proxy that is trusted
				}
				if addr = hop; !trusted(addr) {
					return network(addr)
				}
			}
		}
		return network(addr)
	}
}

// forwarded reads an entry of X-Forwarded-For: an address, with a port where a proxy adds that.
func forwarded(text string) (netip.Addr, error) {
	if port, err := netip.ParseAddrPort(text); err == nil {
		return port.Addr().Unmap().WithZone(""), nil
	}
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return addr.Unmap().WithZone(""), err
}

// network gives an IPv4 address itself, and the network of an IPv6 address.
func network(addr netip.Addr) string {
	if addr.Is4() {
		return addr.String()
	}
	return netip.PrefixFrom(addr, 64).Masked().String()
}
