//go:build unix

package main

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
)

// asMain says in the environment of this test program that it shall be the server itself, so that signals can be sent to one.
const asMain = "AGENTSTATE_TEST_MAIN"

// asArguments names the arguments that it shall have then, with blanks between.
const asArguments = "AGENTSTATE_TEST_ARGUMENTS"

func init() {
	if os.Getenv(asMain) == "1" {
		os.Args = append(os.Args[:1], strings.Fields(os.Getenv(asArguments))...)
		main()
		os.Exit(0)
	}
}

// process is the server as a process of its own.
type process struct {
	*server
	cmd *exec.Cmd
	// ended gets what Wait gave.
	ended chan error
}

// launchProcess starts the server as a process. It is killed with the test.
func launchProcess(tb testing.TB, environ ...string) *process {
	tb.Helper()
	self, err := os.Executable()
	require.NoError(tb, err)
	p := &process{server: &server{log: &logBuffer{}}, cmd: exec.Command(self), ended: make(chan error, 1)}
	p.cmd.Env = append([]string{asMain + "=1", "LISTEN_ADDR=127.0.0.1:0", "LOG_FORMAT=json"}, environ...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	require.NoError(tb, p.cmd.Start())
	done := make(chan struct{})
	go func() { // ends with the process
		defer close(done)
		p.ended <- p.cmd.Wait()
	}()
	tb.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-done
		if tb.Failed() {
			tb.Logf("the process logged:\n%s", p.log)
		}
	})
	eventually(tb, "the process listens", func() bool {
		for _, entry := range p.log.entries(tb, "msg", "listening") {
			url, _ := entry["url"].(string)
			p.addr = url[len("http://") : len(url)-1]
		}
		return p.addr != ""
	})
	p.Client = gqltest.New(tb, "http://"+p.addr)
	return p
}

func (p *process) signal(tb testing.TB, signal syscall.Signal) {
	tb.Helper()
	require.NoError(tb, p.cmd.Process.Signal(signal))
}

// end waits for the end of the process, which must come soon.
func (p *process) end(tb testing.TB) error {
	tb.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(gqltest.Patience):
		require.FailNow(tb, "the process does not end")
		return nil
	}
}

// status asks a path over a connection of its own, as a load balancer does.
func (p *process) status(tb testing.TB, path string) int {
	tb.Helper()
	p.HTTP.CloseIdleConnections()
	return p.Send(tb, http.MethodGet, path, "").Status
}
