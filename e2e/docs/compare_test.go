//go:build unix

package docs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What differs from run to run: in texts it is masked on both sides.
var masks = []struct {
	pattern *regexp.Regexp
	mask    string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`), "<time>"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "<uuid>"},
	{regexp.MustCompile(`("(?:[a-zA-Z]+C|c)ursor": ?")[^"]*"`), "$1<cursor>\""},
	{regexp.MustCompile(`(?m)^id: \S+`), "id: <cursor>"},
	{regexp.MustCompile(`\d+(\.\d+)?(ms|µs|us)\b`), "<duration>"},
}

// anything stands in what a document shows for what it does not show: a part of a line or of a string, or, as a line, any number of lines.
const anything = "…"

func masked(text string) []string {
	for _, m := range masks {
		text = m.pattern.ReplaceAllString(text, m.mask)
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \r\t")
	}
	return lines
}

// sameLine compares a line, in which … stands for anything.
func sameLine(want, got string) bool {
	parts := strings.Split(want, anything)
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return regexp.MustCompile(`(?s)^` + strings.Join(parts, ".*") + `$`).MatchString(got)
}

// sameLines compares all lines.
func sameLines(want, got []string) bool {
	if len(want) == 0 {
		return len(got) == 0
	}
	if want[0] == anything {
		for i := range len(got) + 1 {
			if sameLines(want[1:], got[i:]) {
				return true
			}
		}
		return false
	}
	return len(got) > 0 && sameLine(want[0], got[0]) && sameLines(want[1:], got[1:])
}

// compareText says how what was printed differs from what a document shows.
func compareText(want, got string) error {
	if sameLines(masked(want), masked(got)) {
		return nil
	}
	return fmt.Errorf("it shows\n%s\nand is\n%s", strings.Join(masked(want), "\n"), strings.Join(masked(got), "\n"))
}

// containsText says whether the lines are somewhere in what was printed, one behind the other.
func containsText(want, got string) error {
	if sameLines(slices.Concat([]string{anything}, masked(want), []string{anything}), masked(got)) {
		return nil
	}
	return fmt.Errorf("it shows\n%s\nwhich is not in\n%s", strings.Join(masked(want), "\n"), strings.Join(masked(got), "\n"))
}

// jsonValues gives the values of a text: of one that is nothing else, or those that stand on lines of their own, of event streams too.
func jsonValues(text string) []any {
	if values, err := decode(text); err == nil {
		return values
	}
	var all []any
	for line := range strings.Lines(text) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "data: ")
		if strings.HasPrefix(line, "{") || strings.HasPrefix(line, "[") {
			if values, err := decode(line); err == nil {
				all = append(all, values...)
			}
		}
	}
	return all
}

// decode reads a text that is JSON values, one behind the other.
func decode(text string) ([]any, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var values []any
	for {
		var v any
		err := decoder.Decode(&v)
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
}

// compareJSON says how the values of an answer differ from those that a document shows.
func compareJSON(want, got string) error {
	wanted, err := decode(want)
	if err != nil {
		return err
	}
	if values := jsonValues(got); !same("", wanted, values) {
		return fmt.Errorf("it shows\n%s\nand is\n%s", pretty(wanted), pretty(values))
	}
	return nil
}

// containsJSON says whether the values are among those that were printed, one behind the other.
func containsJSON(want, got string) error {
	wanted, err := decode(want)
	if err != nil {
		return err
	}
	values := jsonValues(got)
	for i := 0; i+len(wanted) <= len(values); i++ {
		if same("", wanted, values[i:i+len(wanted)]) {
			return nil
		}
	}
	return fmt.Errorf("it shows\n%s\nwhich is not in\n%s", pretty(wanted), pretty(values))
}

func pretty(values []any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for _, v := range values {
		_ = encoder.Encode(v) // it was decoded from JSON
	}
	return strings.TrimSpace(out.String())
}

// same compares two values of JSON. What a server makes anew each time must only look alike: see alike.
func same(key string, want, got any) bool {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok || len(want) != len(got) {
			return false
		}
		for k, v := range want {
			if other, ok := got[k]; !ok || !same(k, v, other) {
				return false
			}
		}
		return true
	case []any:
		got, ok := got.([]any)
		return ok && slices.EqualFunc(want, got, func(a, b any) bool { return same(key, a, b) })
	case string:
		got, ok := got.(string)
		return ok && (sameLine(want, got) || alike(key, want, got))
	case json.Number:
		got, ok := got.(json.Number)
		return ok && (want == got || near(key, want, got))
	default:
		return want == got
	}
}

// opaque is what cursors, ids for caches and ids of errors look like.
var opaque = regexp.MustCompile(`^[A-Za-z0-9_-]{8,}=*$`)

// alike says whether two texts are of a kind that is made anew each time: times, UUIDs, and what is opaque by its name.
func alike(key, want, got string) bool {
	for _, m := range masks[:2] {
		if m.pattern.ReplaceAllString(want, "") == "" && m.pattern.ReplaceAllString(got, "") == "" {
			return true
		}
	}
	named := key == "id" || key == "errorId" || strings.HasSuffix(strings.ToLower(key), "cursor")
	return named && opaque.MatchString(want) && opaque.MatchString(got)
}

// near says whether two numbers are those of a clock: a rest of a time that goes by, or what health measures.
func near(key string, want, got json.Number) bool {
	a, errA := strconv.ParseFloat(string(want), 64)
	b, errB := strconv.ParseFloat(string(got), 64)
	if errA != nil || errB != nil {
		return false
	}
	switch key {
	case "uptime", "timestamp", "latencyMs", "connectedClients":
		return true
	case "ttlSeconds", "ttl":
		return a-b >= 0 && a-b <= 60
	default:
		return false
	}
}
