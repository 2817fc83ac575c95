package store

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// glob is a pattern as Redis takes it in KEYS and SCAN: `*` is any run of characters, `?` one character, `[abc]`, `[a-z]` and
// `[^a]` one character of a choice, and a backslash takes the next character as it is. Unlike in Redis, which compares bytes, a
// character is a Unicode one. https://redis.io/docs/latest/commands/keys/
type glob struct {
	elements []globElement
	// prefix is what everything that matches starts with; exact says that nothing else matches.
	prefix string
	exact  bool
	// steps counts the comparisons so far: those of a long pattern with long texts are many.
	steps int
}

// globElement matches one character, or for a star any run of them.
type globElement struct {
	kind globKind
	// literal is the character of a literal, in its bytes.
	literal string
	// ranges are the characters of a choice: sorted, and none touches another. negated takes all others.
	ranges  []runeRange
	negated bool
}

type globKind int

const (
	literalGlob globKind = iota
	anyGlob
	choiceGlob
	starGlob
)

// runeRange holds both its ends.
type runeRange struct{ low, high rune }

// compileGlob takes a pattern apart. Every text is a pattern.
func compileGlob(pattern string) *glob {
	g := &glob{}
	for p := 0; p < len(pattern); {
		var e globElement
		e, p = nextElement(pattern, p)
		g.elements = append(g.elements, e)
	}
	g.prefix, g.exact = g.literalPrefix()
	return g
}

// nextElement reads the element at p; next is where the following one starts.
func nextElement(pattern string, p int) (e globElement, next int) {
	switch pattern[p] {
	case '*':
		return globElement{kind: starGlob}, p + 1
	case '?':
		return globElement{kind: anyGlob}, p + 1
	case '[':
		return readChoice(pattern, p+1)
	case '\\':
		if p+1 < len(pattern) {
			p++
		}
	}
	_, size := utf8.DecodeRuneInString(pattern[p:])
	return globElement{literal: pattern[p : p+size]}, p + size
}

// readChoice reads a choice whose bracket opened ahead of p. Like in Redis a choice that is not closed ends with the pattern,
// the ends of a range may stand in either order, and a character behind a backslash starts none.
func readChoice(pattern string, p int) (e globElement, next int) {
	e.kind = choiceGlob
	if e.negated = p < len(pattern) && pattern[p] == '^'; e.negated {
		p++
	}
	for p < len(pattern) && pattern[p] != ']' {
		escaped := pattern[p] == '\\' && p+1 < len(pattern)
		if escaped {
			p++
		}
		low, size := utf8.DecodeRuneInString(pattern[p:])
		high := low
		p += size
		if !escaped && p+1 < len(pattern) && pattern[p] == '-' {
			high, size = utf8.DecodeRuneInString(pattern[p+1:])
			p += 1 + size
		}
		e.ranges = append(e.ranges, runeRange{min(low, high), max(low, high)})
	}
	e.ranges = merged(e.ranges)
	return e, min(p+1, len(pattern))
}

// merged sorts ranges and makes one of those that touch.
func merged(ranges []runeRange) []runeRange {
	slices.SortFunc(ranges, func(a, b runeRange) int { return cmp.Compare(a.low, b.low) })
	kept := ranges[:0]
	for _, r := range ranges {
		if n := len(kept); n > 0 && r.low <= kept[n-1].high+1 {
			kept[n-1].high = max(kept[n-1].high, r.high)
		} else {
			kept = append(kept, r)
		}
	}
	return kept
}

// literalPrefix gives the text of the literals that the pattern starts with, and whether that is all of it.
func (g *glob) literalPrefix() (prefix string, exact bool) {
	var text strings.Builder
	for _, e := range g.elements {
		if e.kind != literalGlob {
			return text.String(), false
		}
		text.WriteString(e.literal)
	}
	return text.String(), true
}

// match tells whether the pattern matches all of a text. The time is bounded by the product of both lengths: a star is only
// ever reconsidered at the last place where one stood. Only one goroutine may match at a time.
func (g *glob) match(text string) bool {
	e, t := 0, 0
	starE, starT := -1, 0
	for t < len(text) {
		g.steps++
		if e < len(g.elements) {
			if g.elements[e].kind == starGlob {
				starE, starT = e, t
				e++
				continue
			}
			if size := g.elements[e].matchOne(text[t:]); size > 0 {
				e, t = e+1, t+size
				continue
			}
		}
		if starE < 0 {
			return false
		}
		_, size := utf8.DecodeRuneInString(text[starT:])
		starT += size
		e, t = starE+1, starT
	}
	return !slices.ContainsFunc(g.elements[e:], func(e globElement) bool { return e.kind != starGlob })
}

// matchOne matches an element that is no star with the first character of a text, and gives that one's size in bytes; 0 where
// it does not match.
func (e globElement) matchOne(text string) int {
	r, size := utf8.DecodeRuneInString(text)
	if e.kind == literalGlob && text[:size] != e.literal || e.kind == choiceGlob && e.has(r) == e.negated {
		return 0
	}
	return size
}

// has tells whether a choice names a character.
func (e globElement) has(r rune) bool {
	_, found := slices.BinarySearchFunc(e.ranges, r, func(at runeRange, r rune) int {
		switch {
		case at.high < r:
			return -1
		case at.low > r:
			return 1
		}
		return 0
	})
	return found
}
