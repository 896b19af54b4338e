package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/agext/levenshtein"
)

// A Fault is one mistake in a file: where it is, what is wrong and what would
// be right. Line and Col are 1-based; 0 where a whole file is meant.
type Fault struct {
	File      string
	Line, Col int
	Text      string
}

// Error returns "file:line:col: text".
func (f Fault) Error() string {
	switch {
	case f.Line == 0:
		return f.File + ": " + f.Text
	case f.Col == 0:
		return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Text)
	}
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Col, f.Text)
}

// Faults are all the mistakes of a configuration, in the order of files and
// lines. As an error they are one line each.
type Faults []Fault

// Error returns the faults, one a line.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// err returns fs, sorted by place, as an error: nil when there are none.
func (fs Faults) err() error {
	if len(fs) == 0 {
		return nil
	}
	slices.SortStableFunc(fs, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return slices.Compact(fs)
}

// mask puts the references to secrets, such as ${env:TOKEN}, in the place of
// what they stand for: a secret may be where it does not belong, and a fault says
// what is there. What is too short to be one is left.
func (fs Faults) mask(revealed map[string]string) {
	var pairs []string
	for _, text := range slices.SortedFunc(maps.Keys(revealed), func(a, b string) int { return len(b) - len(a) }) {
		if len(text) < 4 {
			break
		}
		quoted := strconv.Quote(text)
		pairs = append(pairs, text, revealed[text], quoted[1:len(quoted)-1], revealed[text])
	}
	if pairs == nil {
		return
	}
	replacer := strings.NewReplacer(pairs...)
	for i := range fs {
		fs[i].Text = replacer.Replace(fs[i].Text)
	}
}

// nearest returns the candidate that word was probably meant to be, or "" when
// none is near enough to be worth suggesting. A word that was cut short is near.
func nearest(word string, candidates []string) string {
	best, bestDistance := "", max(2, len(word)/3)+1
	for _, c := range candidates {
		if d := levenshtein.Distance(strings.ToLower(word), strings.ToLower(c), nil); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	if best == "" && len(word) >= 4 {
		for _, c := range candidates {
			if strings.HasPrefix(c, strings.ToLower(word)) && (best == "" || len(c) < len(best)) {
				best = c
			}
		}
	}
	return best
}

// listed is oneOf for names that a command lists.
func listed(word string, candidates []string, command string) string {
	if nearest(word, candidates) == "" {
		return command + " lists what there is"
	}
	return oneOf(word, candidates)
}

// oneOf says what would be right in place of word: the nearest candidate, or
// all of them where they are few.
func oneOf(word string, candidates []string) string {
	if near := nearest(word, candidates); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	switch {
	case len(candidates) == 0:
		return "there are none"
	}
	sorted := slices.Compact(slices.Sorted(slices.Values(candidates)))
	if n := len(sorted); n > 16 {
		return fmt.Sprintf("there are %d, from %s to %s, and none is near it", n, sorted[0], sorted[n-1])
	}
	return "it can be " + strings.Join(sorted, ", ")
}
