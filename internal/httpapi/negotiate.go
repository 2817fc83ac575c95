package httpapi

import (
	"cmp"
	"mime"
	"slices"
	"strconv"
	"strings"
)

// The media types of answers.
const (
	mediaJSON    = "application/json"
	mediaGraphQL = "application/graphql-response+json"
	mediaEvents  = "text/event-stream"
)

// acceptance is what a client takes, by its Accept header.
type acceptance struct {
	media  string // the media type for a single answer; "" if the client takes neither of the two
	stream bool   // whether it takes an event stream
	// prefersStream says that it likes an event stream at least as well as a single answer and names it first.
	prefersStream bool
	// parts says that it takes a multipart subscription, and prefersParts that it likes that at least as well as an event stream.
	parts, prefersParts bool
}

// fit tells how well a media type fits an Accept header.
type fit struct {
	media    string
	q        float64 // weight, 0 to 1; 0 is not acceptable
	specific int     // 2 was named, 1 by application/*, 0 by */*
	spec     string  // the parameter subscriptionSpec
	position int     // of the range in the header, or of the media type in the list of offers where a wildcard fits
}

// negotiate weighs what the server offers by RFC 9110, section 12.5.1. Without the header, or by a wildcard,
// application/json is taken, as GraphQL over HTTP has it for older clients. Among equals the one that the client names
// first wins. An event stream must be named: it is no answer to */*.
func negotiate(headers []string) acceptance {
	header := strings.Join(headers, ",")
	if strings.TrimSpace(header) == "" {
		return acceptance{media: mediaJSON}
	}
	ranges := parseRanges(header)
	var fits []fit
	for i, media := range []string{mediaJSON, mediaGraphQL, mediaEvents} {
		best, ok := bestRange(ranges, media)
		if !ok || best.q == 0 || (media == mediaEvents && best.specific < 2) {
			continue
		}
		if best.specific < 2 {
			best.position = i
		}
		best.media = media
		fits = append(fits, best)
	}
	slices.SortFunc(fits, func(a, b fit) int {
		return cmp.Or(cmp.Compare(b.q, a.q), cmp.Compare(b.specific, a.specific), cmp.Compare(a.position, b.position))
	})
	var taken acceptance
	parts, ok := bestParts(ranges)
	taken.parts, taken.prefersParts = ok, ok
	for i, fit := range fits {
		switch {
		case fit.media == mediaEvents:
			taken.prefersParts = ok && cmp.Or(cmp.Compare(parts.q, fit.q), cmp.Compare(fit.position, parts.position)) > 0
			taken.stream, taken.prefersStream = true, i == 0 && !taken.prefersParts
		case taken.media == "":
			taken.media = fit.media
		}
	}
	return taken
}

// bestParts gives the range that asks for multipart subscriptions. Other multiparts, as of @defer, are something else.
func bestParts(ranges []fit) (best fit, ok bool) {
	for _, r := range ranges {
		if r.media == mediaMultipart && r.spec == multipartSpec && r.q > best.q {
			best, ok = r, true
		}
	}
	return best, ok
}

// parseRanges reads the media ranges of an Accept header. What cannot be read, or asks for another charset than UTF-8, fits
// nothing.
func parseRanges(header string) []fit {
	var ranges []fit
	for part := range strings.SplitSeq(header, ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil || !isUTF8(params["charset"]) {
			continue
		}
		q := 1.0
		if text, ok := params["q"]; ok {
			q, err = strconv.ParseFloat(text, 64)
			if err != nil || !(q >= 0 && q <= 1) { // nor NaN
				continue
			}
		}
		ranges = append(ranges, fit{media: media, q: q, spec: params["subscriptionspec"], position: len(ranges)})
	}
	return ranges
}

// bestRange gives the most specific range that covers media: that one has the say, whatever the others weigh.
func bestRange(ranges []fit, media string) (best fit, ok bool) {
	group, _, _ := strings.Cut(media, "/")
	for _, r := range ranges {
		switch r.media {
		case media:
			r.specific = 2
		case group + "/*":
			r.specific = 1
		case "*/*":
			r.specific = 0
		default:
			continue
		}
		if !ok || r.specific > best.specific {
			best, ok = r, true
		}
	}
	return best, ok
}

// isUTF8 tells whether a charset parameter means UTF-8, which it does where there is none.
func isUTF8(charset string) bool {
	return charset == "" || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}
