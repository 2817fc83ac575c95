package store

import (
	"strings"
	"unicode/utf8"
)

// MatchGlob tells whether text matches a glob as Redis takes it in KEYS and SCAN: `*` is any run of characters, `?` one character,
// `[abc]`, `[a-z]` and `[^a]` one character of a choice, and a backslash takes the next character as it is. Unlike in Redis,
// which compares bytes, a character is a Unicode one. The time is bounded by the product of both lengths: a `*` is only ever
// reconsidered at the last place where one stood. https://redis.io/docs/latest/commands/keys/
func MatchGlob(pattern, text string) bool {
	p, t := 0, 0
	starP, starT := -1, 0
	for t < len(text) {
		if p < len(pattern) && pattern[p] == '*' {
			starP, starT = p, t
			p++
			continue
		}
		if p < len(pattern) {
			_, size := utf8.DecodeRuneInString(text[t:])
			if next, ok := matchOne(pattern, p, text[t:t+size]); ok {
				p, t = next, t+size
				continue
			}
		}
		if starP < 0 {
			return false
		}
		_, size := utf8.DecodeRuneInString(text[starT:])
		starT += size
		p, t = starP+1, starT
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchOne matches the element of the pattern at p, which is no star, with one character; next is where the following
// element starts.
func matchOne(pattern string, p int, character string) (next int, ok bool) {
	switch pattern[p] {
	case '?':
		_, size := utf8.DecodeRuneInString(pattern[p:])
		return p + size, true
	case '[':
		r, _ := utf8.DecodeRuneInString(character)
		return matchChoice(pattern, p+1, r)
	case '\\':
		if p+1 < len(pattern) {
			p++
		}
	}
	_, size := utf8.DecodeRuneInString(pattern[p:])
	return p + size, pattern[p:p+size] == character
}

// matchChoice matches a choice whose bracket opened ahead of p. Like in Redis a choice that is not closed ends with the
// pattern, the ends of a range may stand in either order, and a character behind a backslash starts none.
func matchChoice(pattern string, p int, r rune) (next int, ok bool) {
	negated := p < len(pattern) && pattern[p] == '^'
	if negated {
		p++
	}
	found := false
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
		if r >= min(low, high) && r <= max(low, high) {
			found = true
		}
	}
	return min(p+1, len(pattern)), found != negated
}

// globPrefix gives the text that everything that matches the pattern starts with, and whether that is all of the pattern.
func globPrefix(pattern string) (prefix string, exact bool) {
	var literal strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '*', '?', '[':
			return literal.String(), false
		case '\\':
			if i+1 < len(pattern) {
				i++
			}
			literal.WriteByte(pattern[i])
		default:
			literal.WriteByte(c)
		}
	}
	return literal.String(), true
}
