//go:build unix

package docs

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// shell is a bash that lives as long as its document, so that a block has the variables of those before it. It ends at the first command
// that fails (set -e), and the next block gets a new one.
type shell struct {
	process *exec.Cmd
	stdin   io.WriteCloser
	status  *bufio.Reader // a line with the exit code of each block
}

func (s *session) newShell() (*shell, error) {
	reads, writes, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer writes.Close()
	sh := &shell{process: exec.Command("bash", "--noprofile", "--norc"), status: bufio.NewReader(reads)}
	sh.process.Dir, sh.process.Env, sh.process.ExtraFiles = s.stands, s.environ(), []*os.File{writes}
	sh.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if sh.stdin, err = sh.process.StdinPipe(); err != nil {
		return nil, err
	}
	return sh, sh.process.Start()
}

func (sh *shell) stop() {
	_ = syscall.Kill(-sh.process.Process.Pid, syscall.SIGKILL)
	_ = sh.process.Wait()
}

// runShell runs a block in the shell of the document.
func runShell(ctx context.Context, s *session, b *block, rest []*block) (*outcome, error) {
	if s.shell == nil {
		sh, err := s.newShell()
		if err != nil {
			return nil, err
		}
		s.shell = sh
	}
	script := filepath.Join(s.folder, s.save(b, "sh"))
	_, err := fmt.Fprintf(s.shell.stdin, "set -eo pipefail; source '%s' </dev/null >'%[1]s.out' 2>'%[1]s.err' 3>&-; echo 0 >&3\n", script)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(-s.shell.process.Process.Pid, syscall.SIGKILL) })
	line, err := s.shell.status.ReadString('\n')
	stop()
	code := 0
	if err != nil { // it has ended
		_ = s.shell.process.Wait()
		code, s.shell = s.shell.process.ProcessState.ExitCode(), nil
	} else if code, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		return nil, err
	}
	stdout, _ := os.ReadFile(script + ".out")
	stderr, _ := os.ReadFile(script + ".err")
	out := &outcome{stdout: string(stdout), stderr: string(stderr)}
	return out, judge(ctx, b, rest, code, out)
}

// judge says what is wrong with how a block has ended. The answer of a server with errors is wrong, though curl ends well with it, where the document
// does not show it.
func judge(ctx context.Context, b *block, rest []*block, code int, out *outcome) error {
	if ctx.Err() != nil {
		return fmt.Errorf("it has not ended in %s:\n%s%s", patience, out.stdout, out.stderr)
	}
	if want := b.directives["exits"]; strconv.Itoa(code) != want && (code != 0 || want != "") {
		return fmt.Errorf("exit code %d:\n%s%s", code, out.stdout, out.stderr)
	}
	return refused(out.stdout, rest)
}

// program runs a program in the folder of the document.
func (s *session) program(ctx context.Context, b *block, rest []*block, name string, args ...string) (*outcome, error) {
	var stdout, stderr bytes.Buffer
	run := exec.CommandContext(ctx, name, args...)
	run.Dir, run.Env, run.Stdout, run.Stderr = s.folder, s.environ(), &stdout, &stderr
	run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	run.Cancel = func() error { return syscall.Kill(-run.Process.Pid, syscall.SIGKILL) }
	err := run.Run()
	out := &outcome{stdout: stdout.String(), stderr: stderr.String()}
	if run.ProcessState == nil {
		return out, err
	}
	return out, judge(ctx, b, rest, run.ProcessState.ExitCode(), out)
}
