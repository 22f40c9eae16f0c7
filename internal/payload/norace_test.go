//go:build !race

package payload

import "time"

const (
	damageShare = 1
	hostileTime = 5 * time.Second
)
