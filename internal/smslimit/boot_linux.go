package smslimit

import (
	"os"

	"golang.org/x/sys/unix"
)

// sinceBoot returns a number for the start of the system and the time since then, that in sleep included; 0 if they are
// not known.
func sinceBoot() (boot uint64, up int64) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil || len(id) == 0 {
		return 0, 0
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0, 0
	}
	boot = 14695981039346656037 // FNV-1a
	for _, c := range id {
		boot = (boot ^ uint64(c)) * 1099511628211
	}
	return max(boot, 1), ts.Nano()
}
