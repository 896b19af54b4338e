package sim

import (
	"math"

	"plantroom/config"
)

// limits returns the smallest and largest number that v can hold.
func limits(v *config.ModbusValue) (low, high float64) {
	if v.BitHigh >= 0 {
		return 0, float64(uint64(1)<<(v.BitHigh-v.BitLow+1) - 1)
	}
	switch v.Type {
	case "bool":
		return 0, 1
	case "u16":
		return 0, math.MaxUint16
	case "s16":
		return math.MinInt16, math.MaxInt16
	case "u32":
		return 0, math.MaxUint32
	case "s32":
		return math.MinInt32, math.MaxInt32
	case "u64":
		return 0, 1 << 53
	case "s64":
		return -(1 << 53), 1 << 53
	case "bcd16":
		return 0, 9999
	case "bcd32":
		return 0, 99999999
	case "m10k":
		high = math.Pow(10000, float64(v.Length)) - 1
		return -high, high
	case "float32":
		return -math.MaxFloat32, math.MaxFloat32
	}
	return -math.MaxFloat64, math.MaxFloat64
}

func isFloat(v *config.ModbusValue) bool { return v.Type == "float32" || v.Type == "float64" }

// fit brings a number into what v can hold, stepping aside from numbers that
// mean "absent".
func fit(v *config.ModbusValue, n float64, absent []float64) float64 {
	low, high := limits(v)
	return stepAside(min(max(n, low), high), absent)
}

// put sets v's bits in the registers dst, of which there are v.Length. Bits of
// other values in the same registers stay as they are.
//
//	order   registers of 0x01020304
//	abcd    0102 0304
//	cdab    0304 0102
//	badc    0201 0403
//	dcba    0403 0201
func put(dst []uint16, v *config.ModbusValue, r raw) {
	words := make([]uint16, v.Length)
	switch {
	case v.Type == "string" || r.isText:
		for i := 0; i < len(r.text) && i < 2*len(words); i++ {
			words[i/2] |= uint16(r.text[i]) << (8 * (1 - i%2))
		}
	case v.Type == "m10k":
		n := math.Abs(r.number)
		for i := len(words) - 1; i >= 0; i-- {
			digit := int16(math.Mod(n, 10000))
			if r.number < 0 {
				digit = -digit
			}
			words[i] = uint16(digit)
			n = math.Floor(n / 10000)
		}
	default:
		bits := pattern(v, r.number)
		for i := len(words) - 1; i >= 0; i-- {
			words[i] = uint16(bits)
			bits >>= 16
		}
	}
	reverse := v.Order == "cdab" || v.Order == "dcba"
	swap := v.Order == "badc" || v.Order == "dcba"
	for i, w := range words {
		if swap {
			w = w<<8 | w>>8
		}
		if reverse {
			i = len(words) - 1 - i
		}
		dst[i] |= w
	}
}

// pattern returns the bits of n in v's type.
func pattern(v *config.ModbusValue, n float64) uint64 {
	if v.BitHigh >= 0 {
		return uint64(n) << v.BitLow
	}
	switch v.Type {
	case "float32":
		return uint64(math.Float32bits(float32(n)))
	case "float64":
		return math.Float64bits(n)
	case "bcd16", "bcd32":
		var bits uint64
		for digit, rest := 0, uint64(n); rest > 0; digit++ {
			bits |= (rest % 10) << (4 * digit)
			rest /= 10
		}
		return bits
	}
	if n < 0 {
		return uint64(int64(n))
	}
	return uint64(n)
}
