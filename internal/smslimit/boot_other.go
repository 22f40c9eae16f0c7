//go:build !linux

package smslimit

func sinceBoot() (boot uint64, up int64) { return 0, 0 }
