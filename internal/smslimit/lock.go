package smslimit

import (
	"errors"
	"time"
)

var errLocked = errors.New("another process has it locked")

// waitForLock locks the file name for this holder alone, which waits for others for a while. The lock ends with unlock,
// and with the process.
func waitForLock(name string, most time.Duration) (unlock func(), err error) {
	const step = 10 * time.Millisecond
	for waited := time.Duration(0); ; waited += step {
		unlock, err := lock(name)
		if err == nil || !errors.Is(err, errLocked) || waited >= most {
			return unlock, err
		}
		time.Sleep(step)
	}
}
