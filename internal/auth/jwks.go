package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/sync/singleflight"
)

const (
	// keysTimeout is how long reading the keys may take, keysInterval how often they are read without need, and unknownKeyInterval how
	// often at most because a token names one that is not there, which anybody can make, or because the last reading failed.
	keysTimeout        = 5 * time.Second
	keysInterval       = 10 * time.Minute
	unknownKeyInterval = 10 * time.Second
	// keysBytes bounds the answer.
	keysBytes = 1 << 20
)

// remoteKeys is a key set at a URL: read at the start, now and then, and when a token names a key that is not in it. While it cannot be
// read, the keys that there are stay good.
type remoteKeys struct {
	url    string
	pause  time.Duration // unknownKeyInterval
	client *http.Client
	log    *slog.Logger
	// reading makes one reading of those that are wanted at the same time. None ends with the request that wanted it first.
	reading singleflight.Group

	mu      sync.Mutex
	current keyfunc.Keyfunc // nil as long as none could be read
	tried   time.Time       // when the last reading began
	failed  bool

	ctx    context.Context //nolint:containedctx // the life of the keys
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// newRemoteKeys reads the keys, or logs why that cannot be done now, and goes on reading them.
func newRemoteKeys(address string, pause time.Duration, log *slog.Logger) *remoteKeys {
	r := &remoteKeys{url: address, pause: pause, log: log, client: &http.Client{Timeout: keysTimeout, CheckRedirect: staySecure}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.read()
	r.done.Go(r.readOn)
	return r
}

// staySecure refuses redirections that leave TLS: keys that came without it are anybody's.
func staySecure(to *http.Request, via []*http.Request) error {
	const most = 3
	if len(via) > most || via[0].URL.Scheme == "https" && to.URL.Scheme != "https" {
		return errors.New("it redirects too often, or out of https")
	}
	return nil
}

// readOn reads the keys again and again, sooner where that failed.
func (r *remoteKeys) readOn() {
	for {
		wait := keysInterval
		if _, failed := r.state(); failed {
			wait = r.pause
		}
		timer := time.NewTimer(wait)
		select {
		case <-r.ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
			r.refresh()
		}
	}
}

func (r *remoteKeys) close() {
	r.cancel()
	r.done.Wait()
	r.client.CloseIdleConnections()
}

// key gives the key of a token. Where it is not known the keys are read again, if that was not done just now.
func (r *remoteKeys) key(t *jwt.Token) (any, error) {
	key, err := r.known(t)
	if err == nil {
		return key, nil
	}
	r.refresh()
	if key, err = r.known(t); err == nil {
		return key, nil
	}
	if _, failed := r.state(); failed { // it may be in the set that cannot be read
		return nil, ErrUnavailable
	}
	return nil, err
}

func (r *remoteKeys) known(t *jwt.Token) (any, error) {
	r.mu.Lock()
	current := r.current
	r.mu.Unlock()
	if current == nil {
		return nil, ErrUnavailable
	}
	return current.Keyfunc(t)
}

func (r *remoteKeys) state() (tried time.Time, failed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tried, r.failed
}

// refresh reads the keys, unless that was done just now, or waits for a reading that is under way.
func (r *remoteKeys) refresh() {
	_, _, _ = r.reading.Do("", func() (any, error) { // what comes is in r
		if tried, _ := r.state(); time.Since(tried) >= r.pause {
			r.read()
		}
		return struct{}{}, nil
	})
}

func (r *remoteKeys) read() {
	began := time.Now()
	keys, err := r.fetch()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tried, r.failed = began, err != nil; err == nil {
		r.current = keys
	} else if r.ctx.Err() == nil {
		r.log.Error("AUTH_JWT_JWKS: the keys cannot be read; those that there are stay good", "error", err, "none", r.current == nil)
	}
}

func (r *remoteKeys) fetch() (keyfunc.Keyfunc, error) {
	request, err := http.NewRequestWithContext(r.ctx, http.MethodGet, r.url, http.NoBody)
	if err != nil {
		return nil, errors.New("it is no URL")
	}
	response, err := r.client.Do(request)
	if err != nil {
		if failure, ok := errors.AsType[*url.Error](err); ok {
			err = failure.Err // without the URL, which may hold a password
		}
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", response.Status)
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, keysBytes))
	if err != nil {
		return nil, err
	}
	return parseKeys(content)
}

// parseKeys reads a key set in which there is a key that is of use.
func parseKeys(content []byte) (keyfunc.Keyfunc, error) {
	keys, err := keyfunc.NewJWKSetJSON(content)
	if err == nil {
		err = checkSet(keys.Storage())
	}
	return keys, err
}
