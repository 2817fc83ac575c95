package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// health makes the command health: the probe of containers that have neither a shell nor curl.
func (u *user) health() *cobra.Command {
	var address string
	var timeout time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use: "health", Short: "Ask a server whether it is ready",
		Long: "Asks a running server whether it can serve requests, by GET /readyz, which takes no token.\n\n" +
			"Exit codes: 0 it is ready; 1 it is not; 2 the command makes no sense; 3 there is no answer.",
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.NoArgs(cmd, args); err != nil {
				return u.exit(ExitUsage, fmt.Errorf("%w; see agentstate health --help", err))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			probe, err := readiness(address)
			if err != nil {
				return u.exit(ExitUsage, err)
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return u.probe(ctx, probe, asJSON)
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return u.exit(ExitUsage, fmt.Errorf("%w; see agentstate health --help", err))
	})
	cmd.Flags().StringVar(&address, "url", u.environment("AGENTSTATE_URL", u.own()), "the server; AGENTSTATE_URL in the environment, or the server that LISTEN_ADDR is of")
	cmd.Flags().DurationVar(&timeout, "timeout", 4*time.Second, "how long an answer may take")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON: ready, status, url, reason")
	return cmd
}

// own is the address of the server that this environment configures, as seen from its host.
func (u *user) own() string {
	host, port, err := net.SplitHostPort(u.environment("LISTEN_ADDR", "127.0.0.1:8080"))
	if err != nil || port == "0" {
		return "http://127.0.0.1:8080"
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// readiness gives the URL of a server's /readyz.
func readiness(address string) (string, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	at, err := url.Parse(address)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return "", fmt.Errorf("give --url the address of a server, such as http://127.0.0.1:8080, not %q", address)
	}
	return (&url.URL{Scheme: at.Scheme, Host: at.Host, Path: "/readyz"}).String(), nil
}

// probed is what came of a probe.
type probed struct {
	Ready  bool   `json:"ready"`
	Status int    `json:"status,omitempty"` // 0 where there was no answer
	URL    string `json:"url"`
	Reason string `json:"reason,omitempty"`
}

// probe asks once, and prints what came of it.
func (u *user) probe(ctx context.Context, at string, asJSON bool) error {
	got, code := probed{URL: at}, 0
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
	if err != nil {
		return u.exit(ExitUsage, err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		got.Reason, code = err.Error(), ExitUnreachable
	} else {
		defer answer.Body.Close() //nolint:errcheck // it was read
		body, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
		got.Status, got.Ready = answer.StatusCode, answer.StatusCode == http.StatusOK
		if !got.Ready {
			got.Reason, code = strings.TrimSpace(string(body)), ExitRefused
		}
	}
	switch {
	case asJSON:
		if err := u.print(got); err != nil {
			return err
		}
		if code != 0 {
			return u.exit(code, nil)
		}
		return nil
	case code != 0:
		return u.exit(code, fmt.Errorf("%s is not ready: %s", at, plain(got.Reason)))
	default:
		_, err := fmt.Fprintln(u.Out, "ready")
		return err
	}
}
