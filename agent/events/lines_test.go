package events

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// FuzzLines: whatever stands in a file, a whole line behind it is read, and no
// line is that was not written.
func FuzzLines(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte("12345678 {}"))
	f.Add(appendLine(nil, "whole"))
	f.Add(bytes.Repeat([]byte("x"), 70<<10))
	f.Fuzz(func(t *testing.T, text []byte) {
		want := appendLine(nil, "behind it")
		seen := 0
		_, err := eachLine(bytes.NewReader(append(append(bytes.Clone(text), '\n'), want...)), func(line []byte) {
			var s string
			if json.Unmarshal(line, &s) == nil && s == "behind it" {
				seen++
			}
		})
		if err != nil || seen != 1+bytes.Count(text, bytes.TrimSuffix(want, []byte("\n"))) && !bytes.Contains(text, want[:len(want)-1]) {
			t.Errorf("seen %d times, %v", seen, err)
		}
		if _, err := parseSeries(bytes.NewReader(text)); err != nil {
			t.Error(err)
		}
	})
}

// TestLines: a line that is damaged anywhere costs itself.
func TestLines(t *testing.T) {
	var file []byte
	var at []int
	for _, s := range []string{"a", "b", strings.Repeat("c", 100<<10), "d"} {
		at = append(at, len(file))
		file = appendLine(file, s)
	}
	read := func(file []byte) (all string, damaged int) {
		damaged, err := eachLine(bytes.NewReader(file), func(text []byte) { all += string(text[1:2]) })
		if err != nil {
			t.Fatal(err)
		}
		return all, damaged
	}
	if all, damaged := read(file); all != "abcd" || damaged != 0 {
		t.Errorf("%q, %d damaged", all, damaged)
	}
	for i := at[1]; i < at[2]-1; i++ {
		hurt := bytes.Clone(file)
		hurt[i] ^= 1
		if all, damaged := read(hurt); all != "acd" || damaged < 1 {
			t.Errorf("byte %d: %q, %d damaged", i, all, damaged)
		}
	}
	if all, damaged := read(file[:len(file)-2]); all != "abc" || damaged != 1 {
		t.Errorf("torn: %q, %d damaged", all, damaged)
	}
}
