package modbus

import (
	"encoding/binary"
	"fmt"

	gomodbus "github.com/goburrow/modbus"
)

// A Modbus TCP frame, and where a read's request and answer keep things:
//
//	0       2       4       6      7     8
//	| id    | 0   0 | len   | unit | fn  | address | quantity |
//	| id    | 0   0 | len   | unit | fn  | count | data ...   |
//	| id    | 0   0 | 0   3 | unit | fn+ | code  |               fn+ is fn|0x80
//
// len counts from unit on. The same as RTU:
//
//	0      1     2
//	| unit | fn  | address | quantity  | crc |
//	| unit | fn  | count   | data ...  | crc |
//	| unit | fn+ | code    | crc |
const (
	tcpHeader   = 7
	tcpMaxFrame = 260
	rtuMaxFrame = 256
	refusal     = 0x80 // set in the function code of an exception
)

// answerBytes returns how many data bytes answer a read of quantity values
// with function fn.
func answerBytes(fn byte, quantity int) int {
	if fn == gomodbus.FuncCodeReadCoils || fn == gomodbus.FuncCodeReadDiscreteInputs {
		return (quantity + 7) / 8
	}
	return 2 * quantity
}

// cutTCP returns the first frame of b, nil when it is not complete yet. Bytes
// that no Modbus TCP frame starts with are an error: there is no way back into
// step on that connection.
func cutTCP(b []byte) ([]byte, error) {
	if len(b) < tcpHeader {
		return nil, nil
	}
	protocol, length := binary.BigEndian.Uint16(b[2:]), int(binary.BigEndian.Uint16(b[4:]))
	if protocol != 0 || length < 3 || 6+length > tcpMaxFrame {
		return nil, fmt.Errorf("%w: it sent % X", errNotModbus, b[:tcpHeader])
	}
	if len(b) < 6+length {
		return nil, nil
	}
	return b[:6+length], nil
}

// checkTCP says what is wrong with a frame that has the request's id and unit.
func checkTCP(request, frame []byte) error {
	fn := request[tcpHeader]
	data := frame[tcpHeader+1:]
	switch frame[tcpHeader] {
	case fn | refusal:
		if len(data) != 1 {
			return fmt.Errorf("%w: an exception of %d bytes", errMisfit, len(data))
		}
	case fn:
		want := answerBytes(fn, int(binary.BigEndian.Uint16(request[tcpHeader+3:])))
		if int(data[0]) != want || len(data) != 1+want {
			return fmt.Errorf("%w: %d data bytes instead of %d", errMisfit, len(data)-1, want)
		}
	default:
		return fmt.Errorf("%w: function 0x%02X to a request with 0x%02X", errMisfit, frame[tcpHeader], fn)
	}
	return nil
}

// findRTU returns the first answer of unit to function fn in b, with count
// data bytes (any number when count < 0) or an exception, whose checksum the
// packager accepts; nil when there is none yet. What surrounds it does not
// matter: noise, the echo of the request, the answers of other units.
func findRTU(p gomodbus.Packager, b []byte, unit, fn byte, count int) []byte {
	for i := 0; i+5 <= len(b); i++ {
		if b[i] != unit {
			continue
		}
		size := 0
		switch {
		case b[i+1] == fn|refusal:
			size = 5
		case b[i+1] == fn && (count < 0 || int(b[i+2]) == count):
			size = int(b[i+2]) + 5
		}
		if size == 0 || i+size > len(b) {
			continue
		}
		if _, err := p.Decode(b[i : i+size]); err == nil {
			return b[i : i+size]
		}
	}
	return nil
}
