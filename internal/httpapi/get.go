package httpapi

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// readURL reads the parameters of a GET, where variables and extensions are JSON texts (GraphQL over HTTP, section GET). An
// empty parameter is the same as none.
func readURL(rawQuery string) (map[string]any, *refusal) {
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, malformed("Send URL parameters that are percent-encoded and separated by `&`.")
	}
	fields := map[string]any{}
	for _, name := range []string{"query", documentID, "operationName", "variables", "extensions"} {
		given := values[name]
		switch {
		case len(given) == 0 || (len(given) == 1 && given[0] == ""):
			continue
		case len(given) > 1:
			return nil, malformed("Give the URL parameter `%s` once.", name)
		case !utf8.ValidString(given[0]):
			return nil, malformed("Give the URL parameter `%s` in UTF-8.", name)
		}
		if name != "variables" && name != "extensions" {
			fields[name] = strings.Clone(given[0]) // a cached document must not hold on to the whole URL
			continue
		}
		value, err := decodeJSON([]byte(given[0]))
		if err != nil {
			return nil, malformed("Send a URL parameter `%s` that %v.", name, err)
		}
		fields[name] = value
	}
	return fields, nil
}
