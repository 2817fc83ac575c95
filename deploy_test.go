package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metricsql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"agentstate/internal/config"
)

// What is in deploy/ is looked at as far as that goes without the engines that it is for.

// alerts is a file of rules as Prometheus has it; fields of other names are mistakes.
type alerts struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

// asked gives the metrics that an expression asks for. The parser is that of MetricsQL, which has all of PromQL.
func asked(tb testing.TB, expr string) []string {
	tb.Helper()
	expr = strings.NewReplacer("$__rate_interval", "5m").Replace(expr)
	parsed, err := metricsql.Parse(expr)
	require.NoError(tb, err, expr)
	var names []string
	metricsql.VisitAll(parsed, func(e metricsql.Expr) {
		if m, ok := e.(*metricsql.MetricExpr); ok {
			for _, filters := range m.LabelFilterss {
				names = append(names, filters[0].Value)
			}
		}
	})
	require.NotEmpty(tb, names, expr)
	return names
}

// knownMetrics are those that a scrape brings: of the server, its parts of histograms too, and that of the scrape itself.
func knownMetrics(tb testing.TB, s *server) map[string]bool {
	tb.Helper()
	known := map[string]bool{"up": true}
	for line := range strings.Lines(scrape(tb, s)) {
		if name := regexp.MustCompile(`^\w+`).FindString(line); name != "" {
			known[name] = true
		}
	}
	return known
}

func TestAlertsAndDashboardAskForWhatThereIs(t *testing.T) {
	t.Parallel()
	s := busy(t)
	known, used := knownMetrics(t, s), make(map[string]bool)
	look := func(expr string) {
		for _, name := range asked(t, expr) {
			assert.True(t, known[name], "%s is no metric of this server: %s", name, expr)
			used[name] = true
		}
	}

	var rules alerts
	decode := yaml.NewDecoder(bytes.NewReader(file(t, "deploy/prometheus/alerts.yaml")))
	decode.KnownFields(true)
	require.NoError(t, decode.Decode(&rules))
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			look(rule.Expr)
			assert.Regexp(t, `^Agentstate[A-Z]\w+$`, rule.Alert)
			assert.Contains(t, []string{"warning", "critical"}, rule.Labels["severity"], rule.Alert)
			assert.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
			assert.NotEmpty(t, rule.Annotations["description"], rule.Alert)
			if rule.For != "" {
				assert.Regexp(t, `^\d+[smh]$`, rule.For)
			}
		}
	}

	var board struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr, RefID string }
		}
	}
	require.NoError(t, json.Unmarshal(file(t, "deploy/grafana/agentstate.json"), &board))
	ids, places := make(map[int]bool), make(map[[2]int]bool)
	for _, panel := range board.Panels {
		assert.False(t, ids[panel.ID], "%s has the id of another", panel.Title)
		place := [2]int{panel.GridPos.X, panel.GridPos.Y}
		assert.False(t, places[place], "%s lies on another", panel.Title)
		ids[panel.ID], places[place] = true, true
		require.NotEmpty(t, panel.Targets, panel.Title)
		for _, target := range panel.Targets {
			look(strings.NewReplacer("$job", "j", "$instance", "i").Replace(target.Expr))
		}
	}
	for _, name := range namesOf(t, s) { // what is worth to be told is worth to be shown
		shown := used[name] || used[name+"_bucket"]
		assert.True(t, shown || slices.Contains([]string{
			"agentstate_build_info", "agentstate_redis_pool_hits_total", "agentstate_redis_pool_misses_total", "agentstate_redis_pool_stale_connections_total",
		}, name), "%s is in no panel and no alert", name)
	}
}

func file(tb testing.TB, path string) []byte {
	tb.Helper()
	content, err := os.ReadFile(path)
	require.NoError(tb, err)
	return content
}

// documents are those of a file of YAML. Keys that come twice are errors.
func documents(tb testing.TB, path string) (all []map[string]any) {
	tb.Helper()
	decode := yaml.NewDecoder(bytes.NewReader(file(tb, path)))
	for {
		var document map[string]any
		err := decode.Decode(&document)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(tb, err, path)
		all = append(all, document)
	}
}

// down goes down into decoded YAML by keys and places.
func down(tb testing.TB, value any, path ...any) any {
	tb.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, ok := value.(map[string]any)
			require.True(tb, ok, "%v: no object at %v", path, step)
			require.Contains(tb, object, step, "%v", path)
			value = object[step]
		case int:
			value = value.([]any)[step]
		}
	}
	return value
}

// checked is the environment that is deployed as the server sees it: every variable is one, and together they are valid.
func checked(tb testing.TB, variables map[string]string) config.Config {
	tb.Helper()
	var environ []string
	for name, value := range variables {
		assert.True(tb, slices.ContainsFunc(config.Describe(), func(v config.Variable) bool { return v.Name == name }), "%s is no variable", name)
		environ = append(environ, name+"="+value)
	}
	cfg, err := config.Load(environ)
	require.NoError(tb, err)
	return cfg
}

func textsIn(object any) map[string]string {
	all := make(map[string]string)
	for name, value := range object.(map[string]any) {
		all[name] = value.(string)
	}
	return all
}

func TestDockerfiles(t *testing.T) {
	t.Parallel()
	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(file(t, "go.mod")))[1]
	assert.Contains(t, string(file(t, "deploy/Dockerfile")), "ARG GO_VERSION="+goVersion+"\n")
	for _, path := range []string{"deploy/Dockerfile", "deploy/Dockerfile.release"} {
		text := string(file(t, path))
		stages := strings.Split(text, "\nFROM ")
		last := stages[len(stages)-1]
		assert.Contains(t, last, "distroless/static", path)
		assert.Contains(t, last, "\nUSER 65532:65532\n", path)
		assert.Contains(t, last, `CMD ["/usr/local/bin/agentstate", "health"]`, path)
		assert.Contains(t, last, `ENTRYPOINT ["/usr/local/bin/agentstate"]`, path)
		environ := map[string]string{"AUTH_MODE": "none"} // which the image leaves to whoever runs it
		for pair := range strings.FieldsSeq(regexp.MustCompile(`(?m)^ENV (.*)$`).FindStringSubmatch(last)[1]) {
			name, value, _ := strings.Cut(pair, "=")
			environ[name] = value
		}
		_, port, _ := strings.Cut(checked(t, environ).ListenAddr, ":")
		assert.Contains(t, last, "\nEXPOSE "+port+"\n", path)
	}
}

func TestComposeFile(t *testing.T) {
	t.Parallel()
	all := documents(t, "deploy/compose.yaml")
	require.Len(t, all, 1)
	service := down(t, all[0], "services", "agentstate")
	cfg := checked(t, textsIn(down(t, service, "environment")))
	assert.Contains(t, down(t, all[0], "services"), cfg.Redis.Host, "REDIS_HOST is a service")
	for _, port := range down(t, service, "ports").([]any) {
		assert.Regexp(t, `^127\.0\.0\.1:\d+:8080$`, port, "nobody is asked who he is, so no other host may reach it")
	}
	assert.FileExists(t, filepath.Join("deploy", down(t, service, "build", "context").(string), down(t, service, "build", "dockerfile").(string)))
	command := make([]string, 0, 20)
	for _, word := range down(t, all[0], "services", "redis", "command").([]any) {
		command = append(command, word.(string))
	}
	assert.Contains(t, strings.Join(command, " "), "--maxmemory-policy noeviction --appendonly yes")
	assert.Equal(t, "${REDIS_PASSWORD:-change-me}", cfg.Redis.Password.Reveal())
	assert.Contains(t, command, cfg.Redis.Password.Reveal(), "both have the same password")
}

func TestKubernetesManifests(t *testing.T) {
	t.Parallel()
	kinds := make(map[string]map[string]any)
	for _, document := range documents(t, "deploy/kubernetes/agentstate.yaml") {
		kinds[document["kind"].(string)] = document
	}
	labels := down(t, kinds["Deployment"], "spec", "template", "metadata", "labels")
	for _, selector := range []any{
		down(t, kinds["Deployment"], "spec", "selector", "matchLabels"), down(t, kinds["Service"], "spec", "selector"),
		down(t, kinds["PodDisruptionBudget"], "spec", "selector", "matchLabels"),
	} {
		assert.Equal(t, labels, selector)
	}
	pod := down(t, kinds["Deployment"], "spec", "template", "spec")
	container := down(t, pod, "containers", 0)
	environ := textsIn(down(t, kinds["ConfigMap"], "data"))
	for _, variable := range down(t, container, "env").([]any) {
		if name := down(t, variable, "name").(string); name != "GOMEMLIMIT" { // of Go
			environ[name] = "from a secret"
		}
	}
	cfg := checked(t, environ)
	assert.True(t, strings.HasSuffix(cfg.ListenAddr, ":8080"))
	assert.Equal(t, 8080, down(t, container, "ports", 0, "containerPort"))
	assert.Equal(t, down(t, container, "ports", 0, "name"), down(t, kinds["Service"], "spec", "ports", 0, "targetPort"))
	assert.Equal(t, "/readyz", down(t, container, "readinessProbe", "httpGet", "path"))
	assert.Equal(t, "/livez", down(t, container, "livenessProbe", "httpGet", "path"))
	assert.True(t, strings.HasPrefix(cfg.Auth.TokensFile, down(t, container, "volumeMounts", 0, "mountPath").(string)+"/"))
	grace := down(t, pod, "terminationGracePeriodSeconds").(int)
	assert.Greater(t, float64(grace), (time.Duration(cfg.DrainDelay) + time.Duration(cfg.ShutdownTimeout)).Seconds(), "it stops by itself before it is killed")
	assert.Equal(t, true, down(t, pod, "securityContext", "runAsNonRoot"))
	assert.Equal(t, true, down(t, container, "securityContext", "readOnlyRootFilesystem"))
	assert.Equal(t, false, down(t, container, "securityContext", "allowPrivilegeEscalation"))
	assert.Equal(t, []any{"ALL"}, down(t, container, "securityContext", "capabilities", "drop"))
	down(t, container, "resources", "requests", "memory")
	down(t, container, "resources", "limits", "memory")
}

func TestReleaseConfiguration(t *testing.T) {
	t.Parallel()
	release := documents(t, ".goreleaser.yaml")[0]
	assert.Equal(t, "CGO_ENABLED=0", down(t, release, "builds", 0, "env", 0))
	assert.Contains(t, down(t, release, "builds", 0, "ldflags", 0), "-X main.version=")
	assert.FileExists(t, down(t, release, "dockers_v2", 0, "dockerfile").(string))
	for _, pattern := range down(t, release, "archives", 0, "files").([]any) {
		found, err := filepath.Glob(strings.Replace(pattern.(string), "**/*", "*", 1))
		require.NoError(t, err)
		assert.NotEmpty(t, found, pattern)
	}
}

func TestSystemdUnit(t *testing.T) {
	t.Parallel()
	const path = "deploy/systemd/agentstate.service"
	text := string(file(t, path))
	environ := make(map[string]string)
	for _, found := range regexp.MustCompile(`(?m)^Environment=(\w+)=(.*)$`).FindAllStringSubmatch(text, -1) {
		environ[found[1]] = found[2]
	}
	checked(t, environ)
	for _, want := range []string{"DynamicUser=yes", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=\n"} {
		assert.Contains(t, text, want)
	}
	if program, err := exec.LookPath("systemd-analyze"); err == nil { // else nothing here knows units
		unit := filepath.Join(t.TempDir(), "agentstate.service")
		require.NoError(t, os.WriteFile(unit, []byte(strings.Replace(text, "/usr/local/bin/agentstate", "/bin/true", 1)), 0o600))
		out, err := exec.Command(program, "verify", "--man=no", unit).CombinedOutput()
		assert.NoError(t, err, string(out))
		assert.NotContains(t, string(out), "agentstate.service:")
	}
}
