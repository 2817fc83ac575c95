package main

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// linePercent is how far apart the lines are that stand for the bar where there is no terminal.
const linePercent = 10

// progress tells how far the loading is: a bar on a terminal, and otherwise a line now and then, which is what a log can show.
// It is safe for concurrent use.
//
// The bar is that of schollz/progressbar: one bar is all that is needed here, and it draws that without a goroutine of its own
// to be waited for. vbauerster/mpb is the choice for several bars at once.
type progress struct {
	mu    sync.Mutex
	out   io.Writer
	bar   *progressbar.ProgressBar // nil: lines
	total int
	done  int
	told  int // percent
}

// newProgress begins at 0 of total steps.
func newProgress(out io.Writer, total int, terminal bool) *progress {
	p := &progress{out: out, total: total}
	if terminal && total > 0 {
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription("load"),
			progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish())
	}
	return p
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// add says that n more steps are done.
func (p *progress) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	if p.bar != nil {
		_ = p.bar.Add(n) // it is only a picture
		return
	}
	if percent := 100 * p.done / p.total / linePercent * linePercent; percent > p.told {
		p.told = percent
		_, _ = fmt.Fprintf(p.out, "load: %d %%\n", percent)
	}
}

// say prints a line, above the bar where there is one.
func (p *progress) say(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	_, _ = fmt.Fprintln(p.out, "load: "+line)
	if p.bar != nil {
		_ = p.bar.RenderBlank()
	}
}

// end takes the bar away, so that what is printed next stands on a line of its own.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
		_ = p.bar.Exit()
	}
}
