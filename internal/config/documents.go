package config

import (
	"errors"
	"time"
)

// Documents say which documents clients may send, and what is kept of those that they persist themselves.
type Documents struct {
	TrustedFile  string   `env:"TRUSTED_DOCUMENTS_FILE" help:"manifest of documents that clients may send by their ids: Apollo's, or a JSON object of texts by ids" group:"Documents"`
	Trusted      string   `env:"TRUSTED_DOCUMENTS" envDefault:"allow" help:"allow the documents of that file beside all others, execute them only, or off"`
	PersistedTTL Duration `env:"PERSISTED_QUERY_TTL" envDefault:"24h" help:"how long Redis keeps an automatically persisted query that nobody sends; 1m to 720h"`
}

func (d Documents) rules() []rule {
	return []rule{
		oneOf("TRUSTED_DOCUMENTS", d.Trusted, "allow", "only", "off"),
		between("PERSISTED_QUERY_TTL", d.PersistedTTL, Duration(time.Minute), Duration(720*time.Hour)),
	}
}

// conflicts tells where documents are asked for that are not there: a server that executes only those would execute none.
func (d Documents) conflicts() []error {
	if d.Trusted == "only" && d.TrustedFile == "" {
		return []error{errors.New("TRUSTED_DOCUMENTS: name the documents in TRUSTED_DOCUMENTS_FILE, only they would be executed")}
	}
	return nil
}
