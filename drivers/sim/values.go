package sim

import (
	"maps"
	"slices"
	"sync"

	"plantroom/agent"
)

// Values says what one device measures at this moment. Servers call it from
// their own goroutines, several at a time.
type Values interface {
	// Value returns the value of one channel of m in m's unit, or, for a
	// state, its code. ok is false when the device does not know it.
	Value(m *agent.Metric, channel string) (value float64, ok bool)

	// Channels returns the channels of m that the device has, sorted. They
	// become the rows of tables.
	Channels(m *agent.Metric) []string

	// ChannelName returns what the device calls a channel.
	ChannelName(channel string) string
}

// A Board is a Values that can be written: what a simulated device shows. It
// is safe for concurrent use.
type Board struct {
	class string

	mu    sync.RWMutex
	cells map[cell]content
	names map[string]string
}

// A cell is one channel of a metric; class is "" for the board's own class.
type cell struct{ class, metric, channel string }

type content struct {
	value float64
	word  string // of a state
}

// NewBoard returns an empty board of a device of the given class.
func NewBoard(class string) *Board {
	return &Board{class: class, cells: make(map[cell]content), names: make(map[string]string)}
}

// Set sets a number, in the catalogue's unit.
func (b *Board) Set(metric, channel string, value float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cells[cell{"", metric, channel}] = content{value: value}
}

// SetState sets a state by its word and returns the word that it replaces, ""
// for none.
func (b *Board) SetState(metric, channel, word string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := cell{"", metric, channel}
	was := b.cells[c].word
	b.cells[c] = content{word: word}
	return was
}

// SetOf is Set for a metric of another class than the device's.
func (b *Board) SetOf(class, metric, channel string, value float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cells[cell{class, metric, channel}] = content{value: value}
}

// SetName sets what the device calls a channel.
func (b *Board) SetName(channel, name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.names[channel] = name
}

// Word returns the word of a state of the board's own class, "" for none.
func (b *Board) Word(metric, channel string) string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.cells[cell{"", metric, channel}].word
}

// Number returns a number of the board's own class, and whether it has it.
func (b *Board) Number(metric, channel string) (float64, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	c, ok := b.cells[cell{"", metric, channel}]
	return c.value, ok && c.word == ""
}

func (b *Board) cellOf(m *agent.Metric, channel string) cell {
	if m.Class == b.class || m.Class == "" {
		return cell{"", m.Name, channel}
	}
	return cell{m.Class, m.Name, channel}
}

// Value implements Values. A state whose word m does not have is not known.
func (b *Board) Value(m *agent.Metric, channel string) (float64, bool) {
	b.mu.RLock()
	c, ok := b.cells[b.cellOf(m, channel)]
	b.mu.RUnlock()
	if !ok || (c.word != "") != (m.Kind == agent.State) {
		return 0, false
	}
	if m.Kind == agent.State {
		code, ok := m.Code(c.word)
		return float64(code), ok
	}
	return c.value, true
}

// Channels implements Values.
func (b *Board) Channels(m *agent.Metric) []string {
	want := b.cellOf(m, "")
	found := make(map[string]bool)
	b.mu.RLock()
	for c := range b.cells {
		if c.class == want.class && c.metric == want.metric {
			found[c.channel] = true
		}
	}
	b.mu.RUnlock()
	return slices.Sorted(maps.Keys(found))
}

// ChannelName implements Values; a channel without a name is called what it is.
func (b *Board) ChannelName(channel string) string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if name := b.names[channel]; name != "" {
		return name
	}
	return channel
}
