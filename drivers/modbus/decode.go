package modbus

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"plantroom/agent"
	"plantroom/config"
)

type kind uint8

const (
	kindUint kind = iota
	kindBool
	kindInt
	kindFloat
	kindText
	kindBCD
	kindM10k
)

// An order is how the bytes of a value lie in its registers; abcd is the most
// significant first.
type order uint8

const (
	abcd order = iota
	cdab       // words swapped
	badc       // bytes swapped in each word
	dcba       // both
)

// load assembles at most eight bytes.
func (o order) load(b []byte) (v uint64) {
	switch o {
	case abcd:
		for _, x := range b {
			v = v<<8 | uint64(x)
		}
	case cdab:
		for i := len(b) - 2; i >= 0; i -= 2 {
			v = v<<16 | uint64(b[i])<<8 | uint64(b[i+1])
		}
	case badc:
		for i := 0; i+1 < len(b); i += 2 {
			v = v<<16 | uint64(b[i+1])<<8 | uint64(b[i])
		}
	case dcba:
		for i := len(b) - 1; i >= 0; i-- {
			v = v<<8 | uint64(b[i])
		}
	}
	return v
}

// A codec turns the bytes of a value into a raw number or text.
type codec struct {
	kind      kind
	order     order
	registers int // 1 for a bit
	size      int // bytes of data
	low       int // the bit field's least significant bit
	width     int // its bits; 0 for the whole value
}

func newCodec(v config.ModbusValue) codec {
	c := codec{registers: 1, order: abcd}
	switch v.Order {
	case "cdab":
		c.order = cdab
	case "badc":
		c.order = badc
	case "dcba":
		c.order = dcba
	}
	switch v.Type {
	case "bool":
		c.kind = kindBool
	case "s16":
		c.kind = kindInt
	case "u32":
		c.registers = 2
	case "s32":
		c.kind, c.registers = kindInt, 2
	case "u64":
		c.registers = 4
	case "s64":
		c.kind, c.registers = kindInt, 4
	case "float32":
		c.kind, c.registers = kindFloat, 2
	case "float64":
		c.kind, c.registers = kindFloat, 4
	case "string":
		c.kind, c.registers = kindText, v.Length
	case "bcd16":
		c.kind = kindBCD
	case "bcd32":
		c.kind, c.registers = kindBCD, 2
	case "m10k":
		c.kind, c.registers = kindM10k, v.Length
	}
	c.size = 2 * c.registers
	if bits(v.Space) {
		c.order, c.size = abcd, 1
	}
	if v.BitHigh >= 0 && !bits(v.Space) {
		c.low, c.width = v.BitLow, v.BitHigh-v.BitLow+1
	}
	return c
}

// An undecodable is a bit pattern that the type does not allow. A profile may
// still call the pattern a sentinel.
type undecodable struct {
	pattern uint64
	known   bool // pattern holds all of it
	what    string
}

func (u undecodable) Error() string { return u.what }

// number returns the raw number in b. The error is an undecodable.
func (c codec) number(b []byte) (float64, error) {
	if c.kind == kindM10k {
		return c.m10k(b)
	}
	v := c.order.load(b)
	if c.width > 0 {
		return float64(v >> c.low & (1<<c.width - 1)), nil
	}
	switch c.kind {
	case kindBool:
		if v != 0 {
			return 1, nil
		}
		return 0, nil
	case kindInt:
		shift := 64 - 8*c.size
		return float64(int64(v<<shift) >> shift), nil
	case kindFloat:
		if c.size == 4 {
			return float64(math.Float32frombits(uint32(v))), nil
		}
		return math.Float64frombits(v), nil
	case kindBCD:
		var n uint64
		for i := 8*c.size - 4; i >= 0; i -= 4 {
			digit := v >> i & 0xF
			if digit > 9 {
				return 0, undecodable{v, true, fmt.Sprintf("0x%0*X is not BCD", 2*c.size, v)}
			}
			n = n*10 + digit
		}
		return float64(n), nil
	}
	return float64(v), nil
}

// m10k reads registers of four decimal digits each.
func (c codec) m10k(b []byte) (float64, error) {
	var n float64
	for i := range c.registers {
		if c.order == cdab || c.order == dcba {
			i = c.registers - 1 - i
		}
		word := c.order.load(b[2*i : 2*i+2])
		if word > 9999 {
			return 0, undecodable{c.order.load(b[:min(8, len(b))]), len(b) <= 8, fmt.Sprintf("% X is not modulo 10000", b)}
		}
		n = n*10000 + float64(word)
	}
	return n, nil
}

// text returns the text in b, up to its first NUL and without the blanks
// around it. Swapped words are a matter of numbers, not of text; swapped bytes
// are undone.
func (c codec) text(b []byte) string {
	if c.order == badc || c.order == dcba {
		b = slices.Clone(b)
		for i := 0; i+1 < len(b); i += 2 {
			b[i], b[i+1] = b[i+1], b[i]
		}
	}
	s := string(b)
	if i := strings.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	return strings.TrimSpace(strings.ToValidUTF8(s, ""))
}

// parseNumber reads the number that a display shows: "23.5", "-4 Cel". ok is
// false when it shows none: empty, or dashes.
func parseNumber(text string) (v float64, ok bool, err error) {
	i := 0
	if i < len(text) && (text[i] == '-' || text[i] == '+') {
		i++
	}
	for i < len(text) && (text[i] >= '0' && text[i] <= '9' || text[i] == '.') {
		i++
	}
	if v, err := strconv.ParseFloat(text[:i], 64); err == nil && !strings.ContainsAny(text[i:], "0123456789") {
		return v, true, nil
	}
	if strings.Trim(text, "-_.*? ") == "" {
		return 0, false, nil
	}
	return 0, false, fmt.Errorf("%q is not a number", text)
}

// A conversion brings raw values to the catalogue's unit or words:
// raw * num / den + offset. A scale such as 0.1 is kept as 1/10, so that 2312
// becomes 231.2 and not 231.20000000000002.
type conversion struct {
	num, den, offset float64
	absent           []float64
	state            bool
	codes            map[string]int // by text
	table            []code         // by number
}

type code struct {
	raw  float64
	code int
}

func newConversion(m *agent.Metric, c codec, conv config.Conversion) conversion {
	v := conversion{offset: conv.Offset, absent: slices.Clone(conv.Absent), state: m.Kind == agent.State}
	v.num, v.den = fraction(conv.Scale)
	for i, a := range v.absent {
		switch {
		case c.kind == kindFloat && c.size == 4:
			v.absent[i] = float64(float32(a))
		case c.kind == kindInt && c.width == 0 && a >= math.Ldexp(1, 8*c.size-1):
			v.absent[i] = a - math.Ldexp(1, 8*c.size) // 0x8000 of an s16 is -32768
		}
	}
	for raw, word := range conv.States {
		n, _ := m.Code(word)
		if c.kind == kindText {
			if v.codes == nil {
				v.codes = make(map[string]int)
			}
			v.codes[raw] = n
		} else if f, err := rawNumber(raw); err == nil {
			v.table = append(v.table, code{f, n})
		}
	}
	slices.SortFunc(v.table, func(a, b code) int { return int(math.Copysign(1, a.raw-b.raw)) })
	return v
}

// rawNumber reads a key of a state table.
func rawNumber(s string) (float64, error) {
	switch s {
	case "true":
		return 1, nil
	case "false":
		return 0, nil
	}
	if n, err := strconv.ParseInt(s, 0, 64); err == nil {
		return float64(n), nil
	}
	return strconv.ParseFloat(s, 64)
}

// fraction returns a decimal fraction's numerator and denominator, and (v, 1)
// for any other number.
func fraction(v float64) (num, den float64) {
	for den = 1; den <= 1e12; den *= 10 {
		if num = math.Round(v * den); math.Abs(num) < 1<<53 && num/den == v {
			return num, den
		}
	}
	return v, 1
}

var powers = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
	1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// A field is a compiled point.
type field struct {
	point *agent.Point
	span  *span
	scale *span // s16 power of ten; nil for none
	codec codec
	order order // of the scale register
	conv  conversion

	out    bool // another point of the same metric and channel counts
	absent bool // what the last poll found
}

// gone reports whether the field is not to be read.
func (f *field) gone() bool {
	return f.out || f.span.gone || f.scale != nil && f.scale.gone
}

// err returns why this poll brought nothing to decode.
func (f *field) err() error {
	if f.span.err != nil || f.scale == nil {
		return f.span.err
	}
	return f.scale.err
}

var errInfinite = errors.New("the value is infinite")

// decode makes r the field's reading; ok is false when the device says that it
// has no value.
func (f *field) decode(r *agent.Reading) (ok bool) {
	if f.codec.kind == kindText {
		return f.decodeText(r)
	}
	raw, err := f.codec.number(f.span.data)
	if err != nil {
		var u undecodable
		if errors.As(err, &u) && u.known && slices.Contains(f.conv.absent, float64(u.pattern)) {
			return false
		}
		*r = f.point.Failed(err)
		return true
	}
	if math.IsNaN(raw) || slices.Contains(f.conv.absent, raw) {
		return false
	}
	if f.conv.state {
		*r = f.stated(raw)
		return true
	}
	return f.scaled(r, raw)
}

func (f *field) decodeText(r *agent.Reading) (ok bool) {
	text := f.codec.text(f.span.data)
	if f.conv.state {
		*r = f.point.Stated(f.conv.codes[text], text)
		return text != ""
	}
	raw, ok, err := parseNumber(text)
	if err != nil {
		*r = f.point.Failed(err)
		return true
	}
	if !ok || slices.Contains(f.conv.absent, raw) {
		return false
	}
	return f.scaled(r, raw)
}

// stated looks a raw number up. Without a table the number is the code.
func (f *field) stated(raw float64) agent.Reading {
	n := 0
	if f.conv.table == nil && raw >= 0 && raw < float64(len(f.point.Metric.States)) && raw == math.Trunc(raw) {
		n = int(raw)
	}
	for _, c := range f.conv.table {
		if c.raw == raw {
			n = c.code
			break
		}
	}
	if n != 0 {
		return f.point.Stated(n, "")
	}
	return f.point.Stated(0, strconv.FormatFloat(raw, 'f', -1, 64))
}

func (f *field) scaled(r *agent.Reading, raw float64) (ok bool) {
	num, den := f.conv.num, f.conv.den
	if f.scale != nil {
		power := int16(f.order.load(f.scale.data))
		switch {
		case power == math.MinInt16:
			return false
		case power >= 0 && int(power) < len(powers):
			num *= powers[power]
		case power < 0 && -int(power) < len(powers):
			den *= powers[-power]
		default:
			*r = f.point.Failed(fmt.Errorf("the scale register %s:%d says 10^%d",
				spaceName(f.scale.space), f.scale.address, power))
			return true
		}
	}
	v := raw*num/den + f.conv.offset
	if !agent.Finite(v) {
		*r = f.point.Failed(errInfinite)
		return true
	}
	*r = f.point.Measured(v)
	return true
}
