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
	x := &extractor{document: &document{file: file}, pending: make(map[string]string)}
	for i, line := range strings.Split(text, "\n") {
		x.line = i + 1
		if err := x.read(line); err != nil {
			return nil, err
		}
	}
	if x.open != nil {
		return nil, fmt.Errorf("%s: the block is not closed", x.open.place())
	}
	return x.document, x.dangling()
}

// extractor goes through the lines of a document.
type extractor struct {
	*document

	line            int
	open            *block // the block that the line is in
	indent, closing string // of its fence
	adjacent        bool   // nothing but blank lines and comments since the last block
	pending         map[string]string
	pendingLine     int
	unknown         error // of a comment that would be a directive, if a block followed
}

func (x *extractor) read(line string) error {
	if x.open != nil {
		if strings.TrimSpace(line) == x.closing {
			x.blocks, x.open, x.adjacent = append(x.blocks, x.open), nil, true
		} else {
			x.open.text += strings.TrimPrefix(line, x.indent) + "\n"
		}
		return nil
	}
	if found := fence.FindStringSubmatch(line); found != nil {
		return x.begin(found[1], found[2], found[3])
	}
	if found := comment.FindStringSubmatch(line); found != nil {
		x.note(found[1], found[2])
		return nil
	}
	if strings.TrimSpace(line) == "" {
		return nil
	}
	x.adjacent, x.unknown = false, nil
	return x.dangling()
}

func (x *extractor) begin(indent, closing, lang string) error {
	_, answers := x.pending["answer"]
	x.open = &block{
		file: x.file, line: x.line, lang: lang, directives: x.pending,
		follows: answers || x.adjacent && len(x.blocks) > 0,
	}
	x.indent, x.closing, x.pending = indent, closing, make(map[string]string)
	return x.unknown
}

func (x *extractor) note(name, value string) {
	switch {
	case name == folderDirective:
		x.folder = value
	case knownDirectives[name]:
		x.pending[name], x.pendingLine = value, x.line
	default:
		x.unknown = fmt.Errorf("%s:%d: the test knows no directive %q", x.file, x.line, name)
	}
}

// dangling says that a directive is not followed by a block.
func (x *extractor) dangling() error {
	if len(x.pending) == 0 {
		return nil
	}
	return fmt.Errorf("%s:%d: the directive belongs to no block", x.file, x.pendingLine)
}
