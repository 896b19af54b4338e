package snmp

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gosnmp/gosnmp"

	"plantroom/agent"
	"plantroom/config"
)

// A decoder turns what an agent says about one object into a value of the
// metric. It is immutable.
type decoder struct {
	mul, div, offset float64 // value = raw * mul / div + offset
	absent           []float64
	codes            map[string]int // of a state, by the raw value's text; nil for a number
	flag             int            // which of a text's flags is the raw value, from 1; 0 for the whole value
	without          []string       // texts of a device without flags
}

// newDecoder compiles a point's conversion; the agent's own decimals, n of a
// factor 10^-n, come on top.
func newDecoder(p *config.SNMPPoint, decimals int) decoder {
	c, m := &p.Conversion, p.Metric
	d := decoder{mul: c.Scale, div: 1, offset: c.Offset, absent: c.Absent, flag: p.Flag, without: p.Without}
	// Dividing by 10 is exact where multiplying by 0.1 is not.
	if inverse := math.Round(1 / c.Scale); c.Scale > 0 && c.Scale < 1 && 1/inverse == c.Scale {
		d.mul, d.div = 1, inverse
	}
	if decimals >= 0 {
		d.div *= math.Pow10(decimals)
	} else {
		d.mul *= math.Pow10(-decimals)
	}
	if m.Kind == agent.State {
		d.codes = make(map[string]int, len(c.States))
		for raw, word := range c.States {
			code, _ := m.Code(word)
			d.codes[raw] = code
		}
	}
	return d
}

// decode returns the value, for a state its code: 0 where there is no word for
// what is said. ok is false where the agent says nothing: no such object, a
// sentinel, text without a number, a flag without a word, and where it does not
// know its flags, see unknown.
func (d *decoder) decode(v *gosnmp.SnmpPDU) (value float64, ok bool) {
	if d.flag > 0 {
		flags := flagsOf(v)
		if len(flags) < d.flag {
			return 0, false
		}
		code := d.codes[string(flags[d.flag-1:d.flag])]
		return float64(code), code != 0
	}
	raw, isNumber := number(v)
	if isNumber {
		for _, a := range d.absent {
			if raw == a {
				return 0, false
			}
		}
	}
	if d.codes != nil {
		var buf [32]byte
		text := appendText(buf[:0], v)
		code, known := d.codes[string(text)]
		return float64(code), known || len(text) > 0
	}
	if !isNumber {
		return 0, false
	}
	value = raw*d.mul/d.div + d.offset
	return value, agent.Finite(value)
}

// unknown returns why the agent does not know the flag that it is asked for,
// nil where it does, or has none. What is no text of 0s and 1s, or ends before
// the flag, does not tell that all is well.
func (d *decoder) unknown(v *gosnmp.SnmpPDU) error {
	if d.flag == 0 {
		return nil
	}
	flags := flagsOf(v)
	switch {
	case len(flags) >= d.flag:
		return nil
	case flags != nil:
		return fmt.Errorf("flag %d: the device gives only %d flags", d.flag, len(flags))
	case slices.Contains(d.without, text(v)):
		return nil
	}
	return fmt.Errorf("flag %d: the device gives %q instead of flags", d.flag, text(v))
}

// flagsOf returns the flags that v is a text of, nil where it is none.
func flagsOf(v *gosnmp.SnmpPDU) []byte {
	b, _ := v.Value.([]byte)
	b = trim(b)
	if v.Type != gosnmp.OctetString || len(b) == 0 {
		return nil
	}
	for _, c := range b {
		if c != '0' && c != '1' {
			return nil
		}
	}
	return b
}

// number returns the number that v is, or that its text begins with.
func number(v *gosnmp.SnmpPDU) (float64, bool) {
	switch n := v.Value.(type) {
	case int:
		return float64(n), true
	case uint:
		return float64(n), true
	case uint32:
		return float64(n), true
	case uint64:
		return float64(n), true
	case float32:
		return float64(n), agent.Finite(float64(n))
	case float64:
		return n, agent.Finite(n)
	case []byte:
		if v.Type == gosnmp.OctetString {
			return parseNumber(n)
		}
	}
	return 0, false
}

// parseNumber reads the number at the start of a display string: " 29.6 %RH",
// "+4,5", "1.2e3V". The decimal mark is a point or a comma. It refuses what
// merely begins like a number: an address, a date, a version, a MAC, hex.
func parseNumber(b []byte) (float64, bool) {
	b = trim(b)
	i := 0
	if i < len(b) && (b[i] == '+' || b[i] == '-') {
		i++
	}
	negative := i == 1 && b[0] == '-'
	start, mark := i, -1
	var mantissa uint64
	for ; i < len(b); i++ {
		if digit(b, i) {
			mantissa = mantissa*10 + uint64(b[i]-'0')
		} else if (b[i] == '.' || b[i] == ',') && mark < 0 && digit(b, i+1) {
			mark = i
		} else {
			break
		}
	}
	digits, decimals := i-start, 0
	if mark >= 0 {
		digits, decimals = digits-1, i-mark-1
	}
	if digits == 0 {
		return 0, false
	}
	exponent := i
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		if digit(b, i+1) {
			i += 2
		} else if i+1 < len(b) && (b[i+1] == '+' || b[i+1] == '-') && digit(b, i+2) {
			i += 3
		}
		for i > exponent && digit(b, i) {
			i++
		}
	}
	if !unit(b[i:], digits == 1 && b[start] == '0') {
		return 0, false
	}
	value := float64(mantissa)
	if exponent == i && digits <= 15 {
		value /= math.Pow10(decimals) // both exact, so the quotient is the nearest
	} else {
		text := strings.Replace(string(b[start:i]), ",", ".", 1)
		var err error
		if value, err = strconv.ParseFloat(text, 64); err != nil {
			return 0, false
		}
	}
	if negative {
		value = -value
	}
	return value, true
}

// unit reports whether b can follow a number: a unit or nothing.
func unit(b []byte, afterZero bool) bool {
	if len(b) == 0 {
		return true
	}
	switch b[0] {
	case '.', ',', ';', '-', '+', '/', '_':
		if digit(b, 1) {
			return false
		}
	case ':':
		return false
	case 'x', 'X':
		if afterZero {
			return false
		}
	}
	for _, c := range b {
		if c < ' ' && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}

func digit(b []byte, i int) bool { return i < len(b) && b[i] >= '0' && b[i] <= '9' }

// trim cuts a C string at its end and the white space off both ends.
func trim(b []byte) []byte {
	if end := bytes.IndexByte(b, 0); end >= 0 {
		b = b[:end]
	}
	return bytes.TrimSpace(b)
}

// appendText appends v as text: numbers in decimal, OIDs without a leading dot.
func appendText(dst []byte, v *gosnmp.SnmpPDU) []byte {
	switch n := v.Value.(type) {
	case int:
		return strconv.AppendInt(dst, int64(n), 10)
	case uint:
		return strconv.AppendUint(dst, uint64(n), 10)
	case uint32:
		return strconv.AppendUint(dst, uint64(n), 10)
	case uint64:
		return strconv.AppendUint(dst, n, 10)
	case float32:
		return strconv.AppendFloat(dst, float64(n), 'g', -1, 32)
	case float64:
		return strconv.AppendFloat(dst, n, 'g', -1, 64)
	case []byte:
		return append(dst, trim(n)...)
	case string:
		return append(dst, strings.TrimPrefix(n, ".")...)
	}
	return dst
}

// text is what v says in words that can be shown.
func text(v *gosnmp.SnmpPDU) string { return printable(appendText(nil, v)) }

// printable returns text as it is where it is text, Latin-1 as UTF-8, and
// anything else in hex. It is made of at most 255 bytes, what a DisplayString holds.
func printable(text []byte) string {
	if len(text) > 255 {
		text = text[:255]
		for len(text) > 252 && !utf8.RuneStart(text[len(text)-1]) {
			text = text[:len(text)-1]
		}
		if r, _ := utf8.DecodeLastRune(text); r == utf8.RuneError {
			text = text[:len(text)-1]
		}
	}
	s := string(text)
	if !utf8.ValidString(s) {
		var latin strings.Builder
		for _, c := range text {
			latin.WriteRune(rune(c))
		}
		s = latin.String()
	}
	for _, r := range s {
		if unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' {
			return "0x" + hex.EncodeToString(text)
		}
	}
	return strings.Join(strings.Fields(s), " ")
}

// valueBytes is the length of v's BER encoding, without its header, or what it
// may grow to.
func valueBytes(v *gosnmp.SnmpPDU) int {
	switch n := v.Value.(type) {
	case []byte:
		return len(n) + 4
	case string:
		return len(n)
	case uint64:
		return 9
	}
	return 5
}
