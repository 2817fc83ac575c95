package httpapi

import (
	"errors"

	"github.com/coder/websocket"

	"agentstate/internal/auth"
)

// closeForbidden is for a caller who is not known, or no longer. Clients come back behind it, with a token that they get anew.
const closeForbidden websocket.StatusCode = 4403

// identify takes in whose connection it is. It is closed when his token is no longer accepted.
func (c *wsConn) identify(caller *auth.Caller) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unheed != nil {
		c.unheed()
	}
	c.caller = caller
	c.unheed = caller.OnEnd(func(why error) { c.close(closing{closeForbidden, "Forbidden: " + why.Error()}) })
}

// admit looks at a connection_init for a token, which counts more than one of the handshake. It gives why the connection must be closed.
func (c *wsConn) admit(message map[string]any) *closing {
	if c.transport.who == nil {
		return nil
	}
	payload, _ := message["payload"].(map[string]any)
	token := tokenIn(payload)
	switch {
	case token == "" && c.caller != nil:
		return nil
	case token == "":
		return &closing{closeForbidden, "Forbidden: send a token in the payload of connection_init, as Authorization"}
	}
	caller, err := c.transport.who.Authenticate(c.transport.streams.stopping, token)
	switch {
	case errors.Is(err, auth.ErrUnavailable):
		return &closing{websocket.StatusTryAgainLater, err.Error()}
	case err != nil:
		return &closing{closeForbidden, "Forbidden: " + err.Error()}
	}
	release, refused := c.transport.doors.recount(c.payer, ownerPrefix+caller.Owner, c.release)
	if refused != nil {
		return &closing{websocket.StatusTryAgainLater, refused.message}
	}
	c.payer, c.release = ownerPrefix+caller.Owner, release
	c.identify(caller)
	return nil
}

// ownerPrefix keeps the names of owners from addresses.
const ownerPrefix = "owner "
