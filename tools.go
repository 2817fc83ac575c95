//go:build tools

// Package main's tools.go pins the code generator that `go generate` runs, so that go.mod names its version.
package main

import _ "github.com/99designs/gqlgen"
