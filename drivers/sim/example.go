package sim

import (
	"regexp/syntax"
	"strings"
)

// example returns a text that the regular expression matches: its shortest,
// taking the first of alternatives. A profile that recognises its device by
// such an expression recognises the Server too.
func example(expr string) string {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return ""
	}
	var b strings.Builder
	exemplify(&b, re.Simplify())
	return b.String()
}

func exemplify(b *strings.Builder, re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		b.WriteRune(re.Rune[0])
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			exemplify(b, sub)
		}
	case syntax.OpCapture, syntax.OpPlus, syntax.OpAlternate:
		exemplify(b, re.Sub[0])
	}
}
