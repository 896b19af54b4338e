package config

import (
	_ "embed"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// The schema of a configuration is written down nowhere. It is what the reader
// is seen to ask for while it reads an example in which everything is: the
// keys, whether they must be there, and what their values are taken for. What
// they mean is in the example's comments. So the schema cannot say anything
// else than the reader does; a key that the example lacks is found by a test.

// Example is a configuration with everything that one can have, and what it
// means. It names files that are not there.
//
//go:embed example.yaml
var Example string

// ExampleProfile is the same of a profile.
//
//go:embed example-profile.yaml
var ExampleProfile string

// Schema returns the JSON schema (draft 7) of a configuration, for editors.
func Schema() []byte {
	o := &outline{at: map[*yaml.Node]*form{}}
	var faults Faults // the files that the example names are not there
	r := newSiteReader(&faults)
	s := &source{file: "example.yaml", faults: &faults, outline: o}
	root := s.parse([]byte(Example))
	r.readSite(s, o.begin(root))
	return o.schema("The configuration of plantroom", root)
}

// ProfileSchema returns the JSON schema of a profile.
func ProfileSchema() []byte {
	o := &outline{at: map[*yaml.Node]*form{}}
	var faults Faults
	s := &source{file: "example-profile.yaml", faults: &faults, outline: o}
	root := s.parse([]byte(ExampleProfile))
	readProfileOf(s, o.begin(root))
	return o.schema("A profile of plantroom", root)
}

// An outline is what the reader asks of a document, by the place in it. A nil
// outline takes no notice.
type outline struct{ at map[*yaml.Node]*form }

// A form is what can stand in one place.
type form struct {
	doc    string
	keys   map[string]*form // of a mapping
	needed map[string]bool
	any    *form // the values of a mapping with keys of the writer's own
	item   *form // of a list
	single map[*yaml.Node]bool
	kinds  []kind // of one value
}

// A kind is what one value is taken for.
type kind struct {
	name   string // text, word, integer, number, boolean or duration
	words  []string
	lo, hi int
}

func (o *outline) begin(root *yaml.Node) *yaml.Node {
	o.at[root] = &form{}
	return root
}

func (o *outline) form(n *yaml.Node) *form {
	if o == nil || n == nil {
		return nil
	}
	return o.at[n]
}

// mapping notes that n has keys that the reader knows.
func (o *outline) mapping(n *yaml.Node) {
	if f := o.form(n); f != nil && f.keys == nil {
		f.keys, f.needed = map[string]*form{}, map[string]bool{}
	}
}

// key notes that the reader looked for a key in n, and what it found.
func (o *outline) key(n *yaml.Node, key string, found pair) {
	f := o.form(n)
	if f == nil {
		return
	}
	if f.keys[key] == nil {
		f.keys[key] = &form{}
	}
	if found.value != nil {
		o.put(f.keys[key], found)
	}
}

// put notes that a value stands in the place of a form.
func (o *outline) put(f *form, p pair) {
	if o.at[p.value] == nil {
		o.at[p.value] = f
	}
	for _, comment := range []string{p.key.HeadComment, p.key.LineComment, p.value.LineComment} {
		if comment != "" && f.doc == "" {
			f.doc = strings.Join(strings.Fields(strings.ReplaceAll(comment, "#", " ")), " ")
		}
	}
}

// need notes that a key must be there.
func (o *outline) need(n *yaml.Node, key string) {
	if f := o.form(n); f != nil {
		f.needed[key] = true
	}
}

// pairs notes that n has keys of the writer's own.
func (o *outline) pairs(n *yaml.Node, pairs []pair) {
	f := o.form(n)
	if f == nil {
		return
	}
	if f.any == nil {
		f.any = &form{}
	}
	for _, p := range pairs {
		o.put(f.any, p)
	}
}

// list notes that n is taken for a list.
func (o *outline) list(n *yaml.Node, items []*yaml.Node) {
	f := o.form(n)
	if f == nil || f.single[n] {
		return
	}
	if f.item == nil {
		f.item = &form{single: map[*yaml.Node]bool{}}
	}
	if len(items) == 1 && items[0] == n {
		f.item.single[n] = true
		o.at[n] = f.item
		return
	}
	for _, item := range items {
		o.put(f.item, pair{&yaml.Node{}, item})
	}
}

// value notes what the reader takes one value for.
func (o *outline) value(n *yaml.Node, k kind) {
	f := o.form(n)
	if f == nil {
		return
	}
	for i := range f.kinds {
		if had := &f.kinds[i]; had.name == k.name {
			had.lo, had.hi = min(had.lo, k.lo), max(had.hi, k.hi)
			for _, w := range k.words {
				if !slices.Contains(had.words, w) {
					had.words = append(had.words, w)
				}
			}
			return
		}
	}
	if k.name == "text" && len(f.kinds) > 0 { // every value is read as text first
		return
	}
	f.kinds = append(f.kinds, k)
}

// schema writes the outline of a document as a JSON schema.
func (o *outline) schema(title string, root *yaml.Node) []byte {
	top := o.at[root].schema()
	top["$schema"] = "http://json-schema.org/draft-07/schema#"
	top["title"] = title
	top["definitions"] = object{
		"secret": object{"type": "string", "pattern": `\$\{(env|file):`, "description": "what is in the environment or in a file: ${env:NAME}, ${file:PATH}"},
	}
	text, err := json.MarshalIndent(top, "", "  ")
	if err != nil {
		panic(err) // it is made of maps, lists and texts
	}
	return append(text, '\n')
}

type object = map[string]any

func (f *form) schema() object {
	var can []any
	switch {
	case f.keys != nil:
		properties := object{}
		for key, value := range f.keys {
			properties[key] = value.schema()
		}
		var rest any = false
		if f.any != nil {
			rest = f.any.schema()
		}
		in := object{"type": "object", "properties": properties, "additionalProperties": rest}
		var needed []string
		for key := range f.needed {
			needed = append(needed, key)
		}
		if slices.Sort(needed); needed != nil {
			in["required"] = needed
		}
		can = append(can, in)
	case f.any != nil:
		can = append(can, object{"type": "object", "additionalProperties": f.any.schema()})
	}
	if f.item != nil {
		item := f.item.schema()
		can = append(can, object{"type": "array", "items": item}, item) // one counts as a list of one
	}
	for _, k := range f.kinds {
		can = append(can, k.schema()...)
	}
	out := object{}
	switch {
	case len(can) == 1:
		out = can[0].(object)
	case len(can) > 1:
		out["anyOf"] = can
	}
	if f.doc != "" {
		out["description"] = f.doc
	}
	return out
}

// schema returns what a value of the kind can be. YAML writes numbers with and
// without quotes, and in place of any value there may be a secret.
func (k kind) schema() []any {
	secret := object{"$ref": "#/definitions/secret"}
	switch k.name {
	case "word":
		var words []any
		for _, w := range k.words {
			words = append(words, w)
			if n, err := strconv.Atoi(w); err == nil {
				words = append(words, n)
			}
		}
		return []any{object{"enum": words}, secret}
	case "integer":
		return []any{object{"type": "integer", "minimum": k.lo, "maximum": k.hi}, object{"type": "string", "pattern": "^(0[xo])?[0-9A-Fa-f]+$"}, secret}
	case "number":
		return []any{object{"type": "number"}, object{"type": "string", "pattern": "^[-+.0-9]"}, secret}
	case "boolean":
		return []any{object{"type": "boolean"}, secret}
	case "duration":
		return []any{object{"type": "string", "pattern": `^([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$`}, secret}
	}
	return []any{object{"type": []string{"string", "number", "boolean"}}}
}
