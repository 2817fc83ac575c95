package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"agentstate/internal/cli"
	"agentstate/internal/config"
)

// schema is the text of the API, as it is documented.
//
//go:embed schema.graphqls
var schema string

// program is what the commands have from outside.
type program struct {
	environ        []string
	stdin          io.Reader
	stdout, stderr io.Writer
	// ready hears of the address once requests are served; nil where nobody wants to know.
	ready func(net.Addr)
}

// exitError ends the program with a code of its own; with no cause there is nothing to print.
type exitError struct {
	code  int
	cause error
}

func (e *exitError) Error() string {
	if e.cause == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.cause.Error()
}

func (e *exitError) Unwrap() error { return e.cause }

// run does what the arguments say; without any it serves, see serveRequests. It is main without the process.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer, ready func(net.Addr)) error {
	root := commands(program{environ: environ, stdin: os.Stdin, stdout: stdout, stderr: stderr, ready: ready})
	args = append([]string{}, args...) // to cobra nil stands for those of the process
	if len(args) > 0 {
		switch args[0] {
		case "-help": // as the flag package of Go writes it
			args[0] = "--help"
		case "-version", "--version": // cobra's own prints by text/template, which makes the binary a third larger
			args[0] = "version"
		}
	}
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}

// commands makes the tree of commands. Each is configured by the environment, as the server is; flags say what to do this time.
func commands(p program) *cobra.Command {
	root := &cobra.Command{
		Use: service, Args: noArguments, SilenceErrors: true, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return serveRequests(cmd.Context(), p) },
	}
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w, see --help", err) })
	root.AddCommand(
		&cobra.Command{Use: "serve", Short: "Serve requests; what is done without a command", Args: noArguments, RunE: root.RunE},
		doctorCommand(p),
		adoptCommand(p),
		exportCommand(p),
		importCommand(p),
		&cobra.Command{
			Use: "schema", Short: "Print the schema of the GraphQL API", Args: noArguments,
			RunE: func(*cobra.Command, []string) error {
				_, err := io.WriteString(p.stdout, schema)
				return err
			},
		},
		&cobra.Command{
			Use: "version", Short: "Print the version", Args: noArguments,
			RunE: func(*cobra.Command, []string) error {
				_, err := fmt.Fprintln(p.stdout, service, versionOf())
				return err
			},
		},
	)
	streams := cli.Streams{In: os.Stdin, Out: p.stdout, Err: p.stderr, Environ: p.environ}
	root.AddCommand(cli.Commands(streams, func(code int, cause error) error { return &exitError{code: code, cause: cause} })...)
	ofCommand := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if cmd != root {
			ofCommand(cmd, args)
			return
		}
		if err := config.WriteHelp(p.stdout, commandList(root)); err != nil {
			cmd.PrintErrln(err)
		}
	})
	return root
}

// commandList lists the commands for help, one a line.
func commandList(root *cobra.Command) string {
	var list strings.Builder
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() {
			fmt.Fprintf(&list, "  %-12s%s\n", cmd.Name(), cmd.Short)
		}
	}
	return list.String()
}

// noArguments refuses arguments: what a server is told it is told by its environment.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unknown argument %q: it is configured by environment variables, see --help", args[0])
	}
	return nil
}

// exitCode is what the process tells of how it ended, and whether that needs words.
func exitCode(err error) (code int, silent bool) {
	if exit, ok := errors.AsType[*exitError](err); ok {
		return exit.code, exit.cause == nil
	}
	if err != nil {
		return 1, false
	}
	return 0, true
}
