//go:build race

package payload

import "time"

// What is tried less of where everything is ten times as slow.
const (
	raceEnabled = true
	damageShare = 32
	hostileTime = 20 * time.Second
)
