package modemsms

import (
	"path"
	"strings"
)

// senders tells whose messages are wanted. The zero value wants all.
type senders struct {
	allow, deny []string
}

func newSenders(allow, deny []string) senders {
	var s senders
	for _, p := range allow {
		s.allow = append(s.allow, noPath(p))
	}
	for _, p := range deny {
		s.deny = append(s.deny, noPath(p))
	}
	return s
}

// wants tells whether the messages of a sender become metrics.
func (s senders) wants(sender string) bool {
	sender = noPath(sender)
	return !matches(s.deny, sender) && (len(s.allow) == 0 || matches(s.allow, sender))
}

func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(p, name); ok {
			return true
		}
	}
	return false
}

// noPath makes / an ordinary character, which * and ? match like any other.
func noPath(s string) string { return strings.ReplaceAll(s, "/", "\x00") }
