package redistest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// readRequest reads what a client has sent at once: commands up to where nothing more has come, a transaction as a whole. It
// tells how many commands there are, each of which Redis answers with one reply.
func readRequest(from *bufio.Reader) (request []byte, commands int, err error) {
	inTransaction := false
	for {
		start := len(request)
		if request, err = readValue(from, request); err != nil {
			return nil, 0, err
		}
		commands++
		switch name := commandName(request[start:]); name {
		case "MULTI":
			inTransaction = true
		case "EXEC", "DISCARD":
			inTransaction = false
		}
		if !inTransaction && from.Buffered() == 0 {
			return request, commands, nil
		}
	}
}

// commandName gives the name of a command in the form that clients send: an array of bulk strings.
func commandName(command []byte) string {
	parts := bytes.SplitN(command, []byte("\r\n"), 4)
	if len(parts) < 3 {
		return ""
	}
	return string(bytes.ToUpper(parts[2]))
}

// readValue reads one value of the protocol with all that it holds, and appends its bytes to raw. What has no known mark is a
// line, as the inline commands of a terminal are. https://redis.io/docs/latest/develop/reference/protocol-spec/
func readValue(from *bufio.Reader, raw []byte) ([]byte, error) {
	line, err := from.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	raw = append(raw, line...)
	switch line[0] {
	case '$', '=', '!': // strings, with their length
		n, err := number(line)
		if err != nil || n < 0 {
			return raw, err
		}
		start := len(raw)
		raw = append(raw, make([]byte, n+len("\r\n"))...)
		_, err = io.ReadFull(from, raw[start:])
		return raw, err
	case '*', '~', '>', '%', '|': // lists, sets, pushes, maps, attributes, with how many values they hold
		n, err := number(line)
		if err != nil {
			return nil, err
		}
		switch line[0] {
		case '%':
			n *= 2
		case '|':
			n = 2*n + 1 // and what the attributes belong to
		}
		for range max(n, 0) {
			if raw, err = readValue(from, raw); err != nil {
				return nil, err
			}
		}
	}
	return raw, nil
}

func number(line []byte) (int, error) {
	n, err := strconv.Atoi(string(bytes.TrimSpace(line[1:])))
	if err != nil {
		return 0, fmt.Errorf("redistest: not the protocol of Redis: %w", err)
	}
	return n, nil
}
