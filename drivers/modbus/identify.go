package modbus

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"plantroom/config"
)

// maxSilent is how many questions Identify lets a device ignore: some keep
// silent about what they do not have.
const maxSilent = 3

// Identify finds the profile that fits the unit on w: of those whose rules all
// hold the one with most rules, nil when there is none. Seen says what the
// device answered. An error means that it answered nothing.
func Identify(ctx context.Context, w *Wire, unit int, timeout time.Duration, profiles []*config.Profile) (p *config.Profile, seen string, err error) {
	var (
		answers  = make(map[spanKey][]byte)
		failures = make(map[spanKey]error)
		shown    []string
		answered bool
		silent   int
	)
	ask := func(v config.ModbusValue) ([]byte, error) {
		c := newCodec(v)
		k := spanKey{v.Space, v.Address, c.registers}
		if data, ok := answers[k]; ok {
			return data, failures[k]
		}
		data, err := w.read(ctx, byte(unit), timeout, v.Space, v.Address, c.registers)
		if unanswered(err) {
			if silent++; !timedOut(err) || !answered && silent >= maxSilent {
				return nil, fmt.Errorf("read %s: %w", describe(v.Space, v.Address, c.registers), err)
			}
		} else {
			answered = true
		}
		if bits(v.Space) && err == nil {
			data[0] &= 1
		}
		answers[k], failures[k] = slices.Clone(data), err
		return answers[k], err
	}
	for _, candidate := range profiles {
		rules := candidate.Identify.Modbus
		if len(rules) == 0 || p != nil && len(rules) <= len(p.Identify.Modbus) {
			continue
		}
		fits := true
		for _, rule := range rules {
			data, err := ask(rule.Value)
			if err != nil && (ctx.Err() != nil || unanswered(err) && !timedOut(err) || !answered && silent >= maxSilent) {
				return nil, strings.Join(shown, ", "), err
			}
			holds, text := judge(rule, data, err)
			text = fmt.Sprintf("%s:%d %s", spaceName(rule.Value.Space), rule.Value.Address, text)
			if !slices.Contains(shown, text) {
				shown = append(shown, text)
			}
			if fits = holds; !fits {
				break
			}
		}
		if fits {
			p = candidate
		}
	}
	return p, strings.Join(shown, ", "), nil
}

// judge reports whether a rule holds for what the device answered, and what
// that was.
func judge(rule config.ModbusRule, data []byte, err error) (bool, string) {
	if err != nil {
		return false, "(" + err.Error() + ")"
	}
	c := newCodec(rule.Value)
	if c.kind == kindText {
		text := c.text(data)
		match, err := regexp.MatchString(rule.Match, text)
		return err == nil && match, "= " + strconv.Quote(text)
	}
	v, err := c.number(data)
	if err != nil {
		return false, "(" + err.Error() + ")"
	}
	return slices.Contains(rule.Equals, v), "= " + strconv.FormatFloat(v, 'f', -1, 64)
}

// A family is what is known of whether the device is of a family of its
// profile. What tells it is read in every poll: a device that was exchanged for
// another must not be taken for what was there before.
type family struct {
	kind  *config.ModbusFamily
	spans []*span // of its rules
	is    bool
}

// isOf reports whether the device is, as far as is known, of a family.
func (s *Source) isOf(kind *config.ModbusFamily) bool {
	return slices.ContainsFunc(s.families, func(f family) bool { return f.kind == kind && f.is })
}

// sort finds of which families the device is by what the poll has read, and
// reports whether that is something new. What was not read tells nothing.
func (s *Source) sort() (other bool) {
	for i := range s.families {
		f := &s.families[i]
		is := true
		for j, sp := range f.spans {
			if sp.err != nil && !sp.gone {
				is = f.is
				break
			}
			if sp.gone {
				is = false
			} else if holds, _ := judge(f.kind.Rules[j], sp.data, nil); !holds {
				is = false
			}
		}
		if is != f.is {
			f.is, other = is, true
		}
	}
	return other
}
