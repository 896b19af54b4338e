package events

import (
	"math"

	"plantroom/agent"
)

// Band returns the values of a point between which there is no warning;
// infinite where there is no bound.
func (e *Engine) Band(p *agent.Point) (low, high float64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if b := e.limits.bounds(p); b != nil {
		return b.lows[0], b.highs[0]
	}
	return math.Inf(-1), math.Inf(1)
}
