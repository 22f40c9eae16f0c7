//go:build !race

package payload

import "time"

const (
	raceEnabled = false
	damageShare = 1
	hostileTime = 5 * time.Second
)
