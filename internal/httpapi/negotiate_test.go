package httpapi

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNegotiate(t *testing.T) {
	legacy := acceptance{media: mediaJSON}
	current := acceptance{media: mediaGraphQL}
	for accept, want := range map[string]acceptance{
		"":                    legacy,
		" ":                   legacy,
		"*/*":                 legacy,
		"application/*":       legacy,
		"application/json":    legacy,
		"APPLICATION/JSON":    legacy,
		"text/html,*/*;q=0.1": legacy,
		"application/json; charset=utf-8, application/graphql-response+json;q=0.9": legacy,
		"application/graphql-response+json":                                        current,
		"application/graphql-response+json; charset=utf-8":                         current,
		// Among equals the first that is named.
		"application/json, application/graphql-response+json":       legacy,
		"application/graphql-response+json, application/json":       current,
		"*/*, application/graphql-response+json":                    current,
		"application/json;q=0.8, application/graphql-response+json": current,
		"application/graphql-response+json;q=0.8, */*":              legacy,
		// The more specific range has the say.
		"application/json;q=0, */*":                  current,
		"application/*;q=0, */*":                     {},
		"application/graphql-response+json;q=0, */*": legacy,
		"text/html":                        {},
		"application/json;q=0":             {},
		"application/json;q=2":             {},
		"application/json;q=x":             {},
		"application/json;q=NaN":           {},
		"application/json; charset=latin1": {},
		";;;":                              {},
		"text/*":                           {},
		// An event stream must be named.
		"text/event-stream":                                                                       {stream: true, prefersStream: true},
		"text/event-stream, */*;q=0.1":                                                            {media: mediaJSON, stream: true, prefersStream: true},
		"text/event-stream, application/json":                                                     {media: mediaJSON, stream: true, prefersStream: true},
		"application/json, text/event-stream":                                                     {media: mediaJSON, stream: true},
		"text/event-stream;q=0.5, application/json;q=0.4":                                         {media: mediaJSON, stream: true, prefersStream: true},
		"text/event-stream;q=0.5, application/json;q=0.6":                                         {media: mediaJSON, stream: true},
		"text/event-stream;q=0, application/json":                                                 legacy,
		"text/event-stream, multipart/mixed":                                                      {stream: true, prefersStream: true}, // urql subscribes so
		"application/graphql-response+json, application/json, text/event-stream, multipart/mixed": {media: mediaGraphQL, stream: true}, // and asks so
		// A multipart subscription must be named with its specification.
		"multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json": {media: mediaJSON, parts: true, prefersParts: true},
		`multipart/mixed; subscriptionSpec="1.0"`:                                {parts: true, prefersParts: true},
		"multipart/mixed;subscriptionSpec=1.0;q=0, application/json":             legacy,
		"multipart/mixed;subscriptionSpec=2.0, application/json":                 legacy,
		"multipart/mixed;deferSpec=20220824, application/json":                   legacy,
		"text/event-stream, multipart/mixed;subscriptionSpec=1.0":                {stream: true, prefersStream: true, parts: true},
		"multipart/mixed;subscriptionSpec=1.0, text/event-stream":                {stream: true, parts: true, prefersParts: true},
		"multipart/mixed;subscriptionSpec=1.0;q=0.5, text/event-stream;q=0.6":    {stream: true, prefersStream: true, parts: true},
	} {
		assert.Equal(t, want, negotiate([]string{accept}), accept)
	}
	assert.Equal(t, legacy, negotiate(nil))
	assert.Equal(t, acceptance{media: mediaGraphQL}, negotiate([]string{"application/json;q=0.5", "application/graphql-response+json"}))
}
