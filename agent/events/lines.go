package events

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"os"
)

// What is appended to files are lines, each on its own:
//
//	89abcdef {"id":"20261126-125501-k3001", ...}
//
// The eight digits are the CRC-32C of all that is behind the space, which is
// JSON and so has no newline in it. A line that is torn or damaged is one that
// does not check; it is left out, and the next newline begins the next. People
// read such a file with cut -c10- FILE | jq.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sumSize is the size of what is before the JSON.
const sumSize = 9

// appendLine appends a line that holds v to dst.
func appendLine(dst []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // what is kept is always JSON: finite numbers, strings and times
	}
	return sealLine(append(append(dst, "........ "...), text...), len(dst))
}

// sealLine completes the line that begins at start, its JSON being in place.
func sealLine(b []byte, start int) []byte {
	var sum [4]byte
	crc := crc32.Checksum(b[start+sumSize:], castagnoli)
	sum[0], sum[1], sum[2], sum[3] = byte(crc>>24), byte(crc>>16), byte(crc>>8), byte(crc)
	hex.Encode(b[start:], sum[:])
	return append(b, '\n')
}

// openLine returns the JSON of a line, without its newline, and whether it is
// whole.
func openLine(line []byte) ([]byte, bool) {
	if len(line) < sumSize || line[sumSize-1] != ' ' {
		return nil, false
	}
	var sum [4]byte
	if _, err := hex.Decode(sum[:], line[:sumSize-1]); err != nil {
		return nil, false
	}
	text := line[sumSize:]
	crc := crc32.Checksum(text, castagnoli)
	return text, sum == [4]byte{byte(crc >> 24), byte(crc >> 16), byte(crc >> 8), byte(crc)}
}

// maxLine bounds a line; a longer one is damage.
const maxLine = 1 << 20

// eachLine hands f the JSON of every line of r that is whole, until its data
// changes with the next one, and returns how many were not.
func eachLine(r io.Reader, f func(text []byte)) (damaged int, err error) {
	b := bufio.NewReaderSize(r, 64<<10)
	var long []byte // of a line that is longer than the buffer
	for {
		part, err := b.ReadSlice('\n')
		line := part
		if long != nil || errors.Is(err, bufio.ErrBufferFull) {
			if len(long) <= maxLine {
				long = append(long, part...)
			}
			line = long
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if line = bytes.TrimSuffix(line, []byte("\n")); len(line) > 0 {
			if text, ok := openLine(line); ok {
				f(text)
			} else {
				damaged++
			}
		}
		long = nil
		if errors.Is(err, io.EOF) {
			return damaged, nil
		}
		if err != nil {
			return damaged, err
		}
	}
}

// openAppend opens a file to append lines to, and makes it where there is
// none. Where its last line is torn it is ended, so that the next one is whole.
func openAppend(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() > 0 {
		last := []byte{'\n'}
		if _, err = f.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
			_, err = f.Write([]byte{'\n'})
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
