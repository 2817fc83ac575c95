//go:build unix

package docs

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
	"go.yaml.in/yaml/v3"
)

// runner runs a block, or reads it where it is no program, and gives what it has printed. rest are the blocks behind it.
type runner func(ctx context.Context, s *session, b *block, rest []*block) (*outcome, error)

// runners are those of the languages.
var runners = map[string]runner{
	"sh":         runShell,
	"graphql":    runGraphQL,
	"js":         runWith("mjs", "node"),
	"mjs":        runWith("mjs", "node"),
	"jsx":        runBundled("jsx"),
	"ts":         runBundled("ts"),
	"tsx":        runBundled("tsx"),
	"python":     runWith("py", "python3"),
	"py":         runWith("py", "python3"),
	"go":         runWith("go", "go", "run"),
	"json":       reads(readJSON),
	"ndjson":     reads(readLines),
	"yaml":       reads(readYAML),
	"ini":        reads(readINI),
	"dockerfile": reads(readDockerfile),
	"acl":        runACL,
}

// runWith runs a block as a file of its own.
func runWith(ext, name string, args ...string) runner {
	return func(ctx context.Context, s *session, b *block, rest []*block) (*outcome, error) {
		return s.program(ctx, b, rest, name, slices.Concat(args, []string{s.save(b, ext)})...)
	}
}

// runBundled runs what Node does not read, by way of esbuild: JSX, and TypeScript.
func runBundled(ext string) runner {
	return func(ctx context.Context, s *session, b *block, rest []*block) (*outcome, error) {
		source := s.save(b, ext)
		bundled := strings.TrimSuffix(source, ext) + "mjs"
		if out, err := s.program(ctx, b, rest, "node_modules/.bin/esbuild", source, "--bundle", "--packages=external", "--format=esm", "--platform=node",
			"--jsx=automatic", "--log-level=warning", "--outfile="+bundled); err != nil {
			return out, err
		}
		return s.program(ctx, b, rest, "node", bundled)
	}
}

// reads is for what is data: it gives nothing.
func reads(read func(text string) error) runner {
	return func(_ context.Context, _ *session, b *block, _ []*block) (*outcome, error) { return nil, read(b.text) }
}

func readJSON(text string) error {
	values, err := decode(text)
	if err == nil && len(values) == 0 {
		err = errors.New("there is no value in it")
	}
	return err
}

func readLines(text string) error {
	for line := range strings.Lines(text) {
		if !json.Valid([]byte(line)) {
			return fmt.Errorf("this line is no JSON: %s", line)
		}
	}
	return nil
}

func readYAML(text string) error {
	var v any
	return yaml.Unmarshal([]byte(text), &v)
}

var iniLine = regexp.MustCompile(`^(\s*|[;#].*|\[[^]]+\]|[A-Za-z0-9_.-]+\s*=.*)$`)

func readINI(text string) error {
	for line := range strings.Lines(text) {
		if !iniLine.MatchString(strings.TrimSuffix(line, "\n")) {
			return fmt.Errorf("this line is no section, no assignment and no comment: %s", line)
		}
	}
	return nil
}

var instruction = regexp.MustCompile(`^(ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|ONBUILD|RUN|SHELL|STOPSIGNAL|USER|VOLUME|WORKDIR) \S`)

func readDockerfile(text string) error {
	lines := bufio.NewScanner(strings.NewReader(strings.ReplaceAll(text, "\\\n", " ")))
	begun := false
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if !instruction.MatchString(line) {
			return fmt.Errorf("this line is no instruction: %s", line)
		}
		begun = begun || strings.HasPrefix(line, "FROM ")
	}
	if !begun {
		return errors.New("there is no FROM in it")
	}
	return nil
}

// runACL has a Redis take the rights of users, lines of an ACL file.
func runACL(ctx context.Context, s *session, b *block, _ []*block) (*outcome, error) {
	client := redis.NewClient(&redis.Options{Addr: s.here.Replace("127.0.0.1:6379")})
	defer client.Close()
	for line := range strings.Lines(b.text) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "user" {
			return nil, fmt.Errorf("this line is not of an ACL file: %s", line)
		}
		rules := []any{"ACL", "SETUSER"}
		for _, word := range words[1:] {
			rules = append(rules, word)
		}
		if err := client.Do(ctx, rules...).Err(); err != nil {
			return nil, fmt.Errorf("Redis refuses %s: %w", line, err)
		}
	}
	return nil, nil
}
