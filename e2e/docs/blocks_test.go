//go:build unix

package docs

import (
	"fmt"
	"regexp"
	"strings"
)

// block is a fenced block of code of a document.
type block struct {
	file string
	line int // of the fence that opens it, from 1
	lang string
	text string // its lines, without the indent of the fence
	// follows says that nothing but blank lines and directives stand between it and the block before: it is what that gives.
	follows bool
	// directives are the comments ahead of it that say how it is run: <!-- name: value -->.
	directives map[string]string
}

func (b *block) place() string { return fmt.Sprintf("%s:%d", b.file, b.line) }

func (b *block) has(directive string) bool {
	_, ok := b.directives[directive]
	return ok
}

// What the comments ahead of a block may say. A reader of the page does not see them.
var knownDirectives = map[string]bool{
	"not run":  true, // why it cannot be run here, one of the reasons that TestDocs counts
	"terminal": true, // it stays open in a terminal of its own, of this name; "server" is one that serves
	"shows":    true, // it is what the terminal of this name shows, sooner or later
	"ctrl-c":   true, // the terminal of this name is interrupted ahead of it
	"exits":    true, // the exit code that it ends with
	"file":     true, // it is a file of this name, for the blocks behind it
	"answer":   true, // it is what the block before has given, though there is text between them
}

// Where the shell of a document stands, relative to the document; an empty folder where it does not say.
const folderDirective = "run in"

var (
	fence   = regexp.MustCompile("^( *)(`{3,}|~{3,}) *([^ `]*)")
	comment = regexp.MustCompile(`^ *<!-- ([a-z-]+(?: [a-z]+)?)(?:: (.*?))? -->$`)
)

// document is what a file of Markdown has for the test.
type document struct {
	file   string
	folder string // the value of folderDirective
	blocks []*block
}

// extract finds the blocks of a document. It fails where one is not closed, and where a directive is unknown or belongs to no block.
func extract(file, text string) (*document, error) {
	d := &document{file: file}
	var open *block
	var indent, closing string
	pending, pendingLine, adjacent := map[string]string{}, 0, false
	var unknown error // a comment that may be a directive, if a block follows
	for i, line := range strings.Split(text, "\n") {
		found := fence.FindStringSubmatch(line)
		switch {
		case open != nil && strings.TrimSpace(line) == closing:
			d.blocks, open, adjacent = append(d.blocks, open), nil, true
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
		case found != nil && unknown != nil:
			return nil, unknown
		case found != nil:
			indent, closing = found[1], found[2]
			open = &block{file: file, line: i + 1, lang: found[3], directives: pending, follows: adjacent && len(d.blocks) > 0}
			_, answers := pending["answer"]
			open.follows = open.follows || answers
			pending = map[string]string{}
		case comment.MatchString(line):
			said := comment.FindStringSubmatch(line)
			if said[1] == folderDirective {
				d.folder = said[2]
			} else if knownDirectives[said[1]] {
				pending[said[1]], pendingLine = said[2], i+1
			} else {
				unknown = fmt.Errorf("%s:%d: the test knows no directive %q", file, i+1, said[1])
			}
		case strings.TrimSpace(line) != "":
			if len(pending) > 0 {
				return nil, fmt.Errorf("%s:%d: the directive belongs to no block", file, pendingLine)
			}
			adjacent, unknown = false, nil
		}
	}
	if open != nil {
		return nil, fmt.Errorf("%s: the block is not closed", open.place())
	}
	if len(pending) > 0 {
		return nil, fmt.Errorf("%s:%d: the directive belongs to no block", file, pendingLine)
	}
	return d, nil
}
