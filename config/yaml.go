package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// A source is one YAML file being read. Its faults go where those of the whole
// configuration go.
type source struct {
	file    string
	faults  *Faults
	expand  func(text string) (string, error) // replaces ${env:X} and ${file:P}; nil: text is taken as it stands
	lines   [][]byte                          // of the file
	outline *outline                          // of what is asked for; nil: nobody wants to know
}

func (s *source) fault(n *yaml.Node, format string, args ...any) {
	f := Fault{File: s.file, Text: fmt.Sprintf(format, args...)}
	if n != nil {
		f.Line, f.Col = n.Line, n.Column
	}
	*s.faults = append(*s.faults, f)
}

// at names a place, for a fault that points at two.
func (s *source) at(n *yaml.Node) string { return fmt.Sprintf("%s:%d:%d", s.file, n.Line, n.Column) }

// parse returns the document in text, nil (with a fault) when it is not YAML
// or has nothing in it.
func (s *source) parse(text []byte) *yaml.Node {
	s.lines = bytes.Split(text, []byte("\n"))
	if !bytes.HasPrefix(text, []byte("\xFE\xFF")) && !bytes.HasPrefix(text, []byte("\xFF\xFE")) && !utf8.Valid(text) { // but UTF-16
		for i, line := range s.lines {
			if bad := strings.IndexFunc(string(line), func(r rune) bool { return r == utf8.RuneError }); bad >= 0 {
				s.fault(&yaml.Node{Line: i + 1, Column: 1 + utf8.RuneCount(line[:bad])}, "the file is not UTF-8 text; save it with the encoding UTF-8")
				return nil
			}
		}
	}
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF):
		s.fault(&yaml.Node{Line: 1, Column: 1}, "the file is empty")
		return nil
	case err != nil:
		s.syntax(text, err)
		return nil
	}
	root := doc.Content[0]
	if !s.finite(root, map[*yaml.Node]bool{}) {
		return nil
	}
	var more yaml.Node
	if err := dec.Decode(&more); err == nil {
		s.fault(more.Content[0], "a second document begins here; put everything in one, without ---")
	} else if !errors.Is(err, io.EOF) {
		s.syntax(text, err)
	}
	return root
}

// finite reports whether n, within the nodes around it, ends: an alias to what
// it stands in has no end.
func (s *source) finite(n *yaml.Node, around map[*yaml.Node]bool) bool {
	if n.Kind == yaml.AliasNode {
		if around[n.Alias] {
			s.fault(n, "*%s stands within what it stands for, and has no end", n.Value)
			return false
		}
		return true
	}
	around[n] = true
	defer delete(around, n)
	for _, child := range n.Content {
		if !s.finite(child, around) {
			return false
		}
	}
	return true
}

// syntax reports what the YAML library could not read. Its own line is that of
// the enclosing block, or one off, or missing: the line that broke the
// document is the one from which on no beginning of the text is YAML. A
// beginning that stops inside brackets or quotes is not YAML either, so one
// counts as broken only when the next few, longer ones are too.
func (s *source) syntax(text []byte, err error) {
	what := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(what, "line "); ok {
		if _, after, ok := strings.Cut(rest, ": "); ok {
			what = after
		}
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	n := 1 + sort.Search(len(lines)-1, func(i int) bool {
		for n := i + 1; n <= min(i+16, len(lines)); n++ {
			if readable(bytes.Join(lines[:n], nil)) {
				return false
			}
		}
		return true
	})
	line := string(lines[n-1])
	col := len(line) - len(strings.TrimLeft(line, " \t"))
	tab := strings.IndexByte(line[:col], '\t')
	begin := valueBegin.FindStringSubmatchIndex(line)
	switch {
	case tab >= 0:
		s.fault(&yaml.Node{Line: n, Column: 1 + tab}, "not YAML: a tab; indent with spaces")
	case begin != nil && slices.ContainsFunc(unquoted, func(text string) bool { return strings.Contains(what, text) }):
		at := begin[2]
		s.fault(&yaml.Node{Line: n, Column: 1 + utf8.RuneCountInString(line[:at])}, "not YAML: "+beginsWith, line[at])
	case strings.Contains(what, "mapping values") && !secondColon.MatchString(line):
		s.fault(&yaml.Node{Line: n, Column: 1 + col}, "not YAML: this key is not in the column of its neighbours, or the line before it lacks a colon, or the space after one")
	default:
		for _, f := range fixes {
			if strings.Contains(what, f.library) {
				what = f.right
				break
			}
		}
		s.fault(&yaml.Node{Line: n, Column: 1 + col}, "not YAML: %s", what)
	}
}

const beginsWith = "a value that begins with %c needs quotes: \"%[1]c...\""

// valueBegin finds a value that begins with what YAML has no use for, or
// another one.
var valueBegin = regexp.MustCompile(`(?:[:,\[{-]) +([%@!*&|>#?` + "`" + `])[^ \n]`)

// unquoted is what the YAML library says of such a value.
var unquoted = []string{"cannot start any token", "anchor", "alphabetic", "whitespace or line break", "comment or line break", "node content"}

// secondColon finds a plain value that looks like a key.
var secondColon = regexp.MustCompile(`^[^:{\['"]*: [^{\['"]*:(\s|$)`)

type fix struct{ library, right string }

// fixes are what would be right where the YAML library says only what it
// looked for.
var fixes = []fix{
	{"expected ',' or '}'", "what begins with { must be key: value, key: value and end with }; a value with { } or a colon in it needs quotes"},
	{"expected ',' or ']'", "what begins with [ must be items with commas between them and end with ]; an item with [ ] or a colon in it needs quotes"},
	{"mapping values are not allowed", "a second colon; a value with a colon and a space in it needs quotes"},
	{"expected '-' indicator", "this stands neither under the keys of the item above, nor is it an item (-); keys of one thing begin in the same column"},
	{"expected key", "this stands in a column of its own; keys of one thing begin in the same column"},
	{"could not find expected ':'", "a key without its colon; write key: value"},
	{"unexpected end of stream", "a text that begins with a quote and does not end with one"},
	{"unknown escape", "a backslash means something within \"...\"; write '...' for a text with backslashes"},
}

// readable reports whether text is YAML.
func readable(text []byte) bool {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var doc yaml.Node
		if err := dec.Decode(&doc); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

// resolve follows an alias to what it stands for.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// A pair is one entry of a mapping.
type pair struct{ key, value *yaml.Node }

// pairs returns the entries of a mapping whose keys are the writer's own.
func (s *source) pairs(n *yaml.Node, what string) ([]pair, bool) {
	pairs, ok := s.entries(n, what)
	s.outline.pairs(resolve(n), pairs)
	return pairs, ok
}

// entries returns the entries of a mapping, those merged in with << last, and
// reports keys that stand twice.
func (s *source) entries(n *yaml.Node, what string) ([]pair, bool) {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		s.fault(n, "%s must be a mapping (key: value)", what)
		return nil, false
	}
	var own, merged []pair
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolve(n.Content[i+1])
		if key.Tag == "!!merge" {
			more, _ := s.entries(value, "what is merged in with <<")
			merged = append(merged, more...)
			continue
		}
		if first := seen[key.Value]; first != nil {
			s.fault(key, "%s stands twice in %s; the first is at %s", key.Value, what, s.at(first))
			continue
		}
		seen[key.Value] = key
		own = append(own, pair{key, value})
	}
	for _, p := range merged {
		if seen[p.key.Value] == nil {
			seen[p.key.Value] = p.key
			own = append(own, p)
		}
	}
	return own, true
}

// list returns the items of a sequence; a single value counts as a list of one.
func (s *source) list(n *yaml.Node) []*yaml.Node {
	if n == nil {
		return nil
	}
	n = resolve(n)
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = make([]*yaml.Node, len(n.Content))
		for i, item := range n.Content {
			items[i] = resolve(item)
		}
	}
	s.outline.list(n, items)
	return items
}

// items is list for things with an id, which may not be the keys of a mapping.
func (s *source) items(n *yaml.Node, what string) []*yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		return s.list(n)
	}
	for i := 1; i < len(n.Content); i += 2 {
		if resolve(n.Content[i]).Kind != yaml.MappingNode || n.Content[i-1].Value == "modbus" || n.Content[i-1].Value == "snmp" {
			return s.list(n)
		}
	}
	s.fault(n, "%s is a list; write - {id: %s, ...}", what, n.Content[0].Value)
	return nil
}

// A mapping is a YAML mapping of which the reader takes the keys it knows;
// done reports the ones left.
type mapping struct {
	*source
	node    *yaml.Node
	what    string
	pairs   []pair
	known   []string
	taken   map[string]bool
	missing []missing

	lists    bool                // a key without a value is an empty list
	reported map[*yaml.Node]bool // keys without a value
}

// A missing key must be there and is not.
type missing struct{ key, example string }

// mapping returns n's entries; where n is no mapping it says so and returns
// one without entries, in which nothing required is missed.
func (s *source) mapping(n *yaml.Node, what string) *mapping {
	m := &mapping{source: s, node: resolve(n), what: what, taken: map[string]bool{}, reported: map[*yaml.Node]bool{}}
	var ok bool
	if m.pairs, ok = s.entries(n, what); !ok {
		m.node = nil
	}
	s.outline.mapping(m.node)
	return m
}

// get returns the value of key, nil where it is not given or is null.
func (m *mapping) get(key string) *yaml.Node {
	m.known = append(m.known, key)
	m.outline.key(m.node, key, pair{})
	for _, p := range m.pairs {
		if p.key.Value == key {
			m.taken[key] = true
			m.outline.key(m.node, key, p)
			if p.value.Tag == "!!null" {
				m.empty(p)
				return nil
			}
			return p.value
		}
	}
	return nil
}

// empty reports a key without a value: what was meant may have been a value
// that begins with #, and what is usual would be taken for it. Whole lists of a
// file may be empty, as where everything below them is a comment.
func (m *mapping) empty(p pair) {
	if m.lists || m.reported[p.key] {
		return
	}
	m.reported[p.key] = true
	m.fault(p.key, "%s is empty; give it a value, or leave it out (a value that begins with # or & needs quotes)", p.key.Value)
}

// need is get for a key that must be there.
func (m *mapping) need(key, example string) *yaml.Node {
	n := m.get(key)
	m.outline.need(m.node, key)
	if n == nil {
		m.missing = append(m.missing, missing{key, example})
	}
	return n
}

// given returns those of keys that the mapping has.
func (m *mapping) given(keys ...string) (in []string) {
	for _, key := range keys {
		if m.get(key) != nil {
			in = append(in, key)
		}
	}
	return in
}

// done reports the keys that nothing asked for, and those that are missing and
// are not one of the former, misspelt.
func (m *mapping) done() {
	misspelt := map[string]bool{}
	for _, p := range m.pairs {
		if !m.taken[p.key.Value] {
			if p.value.Tag == "!!null" && p.value.Value == "" && m.node.Style&yaml.FlowStyle != 0 {
				// It is not shown: it may be a part of a secret.
				m.fault(p.key, "this stands alone, without a value; a text with a comma in it needs quotes, and a number has a point")
				continue
			}
			m.fault(p.key, "%s has no key %s; %s", m.what, p.key.Value, oneOf(p.key.Value, m.known))
			misspelt[nearest(p.key.Value, m.known)] = true
		}
	}
	for _, miss := range m.missing {
		if m.node != nil && !misspelt[miss.key] && !m.taken[miss.key] {
			m.fault(m.node, "%s has no %s; add for example %s: %s", m.what, miss.key, miss.key, miss.example)
		}
	}
}

// text returns a scalar as text, with secrets put in; "" (with a fault) for
// anything else.
func (s *source) text(n *yaml.Node, what string) string {
	if n == nil {
		return ""
	}
	s.outline.value(n, kind{name: "text"})
	if n.Kind != yaml.ScalarNode {
		s.fault(n, "%s must be one value, not a list or a mapping", what)
		return ""
	}
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		s.fault(n, beginsWith, '!')
		return ""
	}
	if s.expand == nil {
		return n.Value
	}
	text, err := s.expand(n.Value)
	if err != nil {
		s.fault(n, "%s: %v", what, err)
		return ""
	}
	return text
}

// wording returns a scalar as text, in a place where a number can stand too.
func (s *source) wording(n *yaml.Node, what string) string {
	s.outline.value(n, kind{name: "wording"})
	return s.text(n, what)
}

// texts returns a list of scalars as text.
func (s *source) texts(n *yaml.Node, what string) (out []string) {
	for _, item := range s.list(n) {
		out = append(out, s.text(item, what))
	}
	return out
}

// choice returns a scalar that must be one of words, otherwise where it is not
// given (or is wrong).
func (s *source) choice(n *yaml.Node, what, otherwise string, words ...string) string {
	if n == nil {
		return otherwise
	}
	s.outline.value(n, kind{name: "word", words: words})
	text := s.text(n, what)
	for _, w := range words {
		if text == w {
			return w
		}
	}
	s.fault(n, "%s cannot be %s; %s", what, text, oneOf(text, words))
	return otherwise
}

// is reports whether a value is a word, in a place where something else can
// stand too.
func (s *source) is(n *yaml.Node, word string) bool {
	s.outline.value(n, kind{name: "word", words: []string{word}})
	return n.Value == word
}

// parseInt reads a decimal, 0x or 0o number; a leading zero alone does not make
// a number octal.
func parseInt(text string) (int64, error) {
	base := 0
	if len(text) > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9' {
		base = 10
	}
	return strconv.ParseInt(text, base, 64)
}

// integer returns a whole number (decimal, 0x or 0o) between lo and hi,
// otherwise where it is not given (or is wrong).
func (s *source) integer(n *yaml.Node, what string, otherwise, lo, hi int) int {
	if n == nil {
		return otherwise
	}
	s.outline.value(n, kind{name: "integer", lo: lo, hi: hi})
	text := s.text(n, what)
	v, err := parseInt(text)
	if err != nil {
		s.fault(n, "%s must be a whole number from %d to %d, not %s", what, lo, hi, text)
		return otherwise
	}
	if v < int64(lo) || v > int64(hi) {
		s.fault(n, "%s is %s; it must be from %d to %d", what, text, lo, hi)
		return otherwise
	}
	return int(v)
}

// number returns a finite number, otherwise where it is not given (or is
// wrong).
func (s *source) number(n *yaml.Node, what string, otherwise float64) float64 {
	if n == nil {
		return otherwise
	}
	return s.quantity(n, what, "", otherwise)
}

// quantity is number for one that is in a unit.
func (s *source) quantity(n *yaml.Node, what, unit string, otherwise float64) float64 {
	s.outline.value(n, kind{name: "number"})
	text := s.text(n, what)
	if i, err := parseInt(text); err == nil {
		return float64(i)
	}
	if u, err := strconv.ParseUint(text, 0, 64); err == nil {
		return float64(u)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		if unit != "" {
			unit = " (in " + unit + ")"
		}
		s.fault(n, "%s must be a number%s, not %s", what, unit, text)
		return otherwise
	}
	return v
}

// percent reports a part of one where percent are meant.
func (s *source) percent(n *yaml.Node, what, unit string, v float64) {
	if unit == "%" && v > 0 && v < 1 {
		s.fault(n, "%s is %s, which is less than one percent; a half is 50", what, n.Value)
	}
}

// amount writes a number as a person does.
func amount(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// boolean returns true or false.
func (s *source) boolean(n *yaml.Node, what string) bool {
	if n == nil {
		return false
	}
	s.outline.value(n, kind{name: "boolean"})
	v, err := strconv.ParseBool(s.text(n, what))
	if err != nil {
		s.fault(n, "%s must be true or false, not %s", what, n.Value)
	}
	return v
}

// duration returns a duration of at least lo and a multiple of it, otherwise
// where it is not given (or is wrong).
func (s *source) duration(n *yaml.Node, what string, otherwise, lo, hi time.Duration) time.Duration {
	if n == nil {
		return otherwise
	}
	s.outline.value(n, kind{name: "duration"})
	text := s.text(n, what)
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		s.fault(n, "%s is %q, which is no duration; write a number and its unit, for example 500ms, 5s or 1m30s", what, text)
		return otherwise
	case d < lo || d > hi:
		s.fault(n, "%s is %s; it must be from %s to %s", what, text, plain(lo), plain(hi))
		return otherwise
	case d%lo != 0:
		s.fault(n, "%s is %s; it must be a multiple of %s", what, text, lo)
		return otherwise
	}
	return d
}

// plain writes a duration as a person does: 24h, not 24h0m0s.
func plain(d time.Duration) string {
	text := d.String()
	if rest, ok := strings.CutSuffix(text, "m0s"); ok {
		text = rest + "m"
	}
	if rest, ok := strings.CutSuffix(text, "h0m"); ok {
		text = rest + "h"
	}
	return text
}
