package main

import (
	"fmt"
	"log/slog"
	"time"

	"agentstate/internal/auth"
	"agentstate/internal/config"
)

// authenticator gives who tells callers by their tokens; nil is nobody: everybody may do everything.
func authenticator(c config.Auth, log *slog.Logger) (auth.Authenticator, error) {
	switch c.Mode {
	case "tokens":
		tokens, err := auth.NewTokens(c.TokensFile, log)
		if err != nil {
			return nil, fmt.Errorf("AUTH_TOKENS_FILE: %w", err)
		}
		return tokens, nil
	case "jwt":
		signed, err := auth.NewJWT(auth.JWTOptions{
			Secret: c.JWTSecret.Reveal(), KeyFile: c.JWTKeyFile, JWKS: c.JWTKeys, Issuer: c.JWTIssuer, Audience: c.JWTAudience,
			Leeway: time.Duration(c.JWTLeeway), OwnerClaim: c.JWTOwnerClaim, ScopesClaim: c.JWTScopesClaim, Log: log,
		})
		if err != nil {
			return nil, fmt.Errorf("AUTH_JWT_SECRET, AUTH_JWT_KEY_FILE, AUTH_JWT_JWKS: %w", err)
		}
		return signed, nil
	default:
		return nil, nil //nolint:nilnil // nobody is asked
	}
}
