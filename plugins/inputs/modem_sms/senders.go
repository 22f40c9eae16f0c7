package modemsms

import "telegraf-hologram/internal/execd"

// senders tells whose messages are wanted. The zero value wants all.
type senders struct {
	some        bool // only those that allow matches
	allow, deny execd.Patterns
}

func newSenders(allow, deny []string) senders {
	return senders{some: len(allow) > 0, allow: execd.NewPatterns(allow), deny: execd.NewPatterns(deny)}
}

// wants tells whether the messages of a sender become metrics.
func (s senders) wants(sender string) bool {
	return !s.deny.Match(sender) && (!s.some || s.allow.Match(sender))
}
