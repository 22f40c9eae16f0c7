//go:build race

package hologram

const raceDetector = true
