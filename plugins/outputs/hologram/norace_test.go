//go:build !race

package hologram

const raceDetector = false
