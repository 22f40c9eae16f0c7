package hologram

import (
	"hash/fnv"
	"strconv"
	"strings"

	"telegraf-hologram/internal/socketapi"
)

// A name that is no legal topic becomes what of it is legal, cut to length,
// "/-" and nine characters of the name's hash (the low 45 bits of 64-bit FNV-1a
// in digits to base 32, 0 to 9 and a to v). Names that look like the result
// are mapped as well, so that a mapped name never meets one that is itself.
const (
	hashMark  = "/-"
	hashChars = 9
	hashLen   = len(hashMark) + hashChars
)

// topic returns the topic of a measurement name.
func topic(prefix, name string) string {
	full := prefix + name
	if name != "" && socketapi.ValidTopic(full) == nil && !looksMapped(full) {
		return full
	}
	h := fnv.New64a()
	h.Write([]byte(full))
	const bits = 5 * hashChars
	// A leading one bit keeps the leading zeros.
	hash := strconv.FormatUint(h.Sum64()&(1<<bits-1)|1<<bits, 32)[1:]

	var legal strings.Builder
	for i := range len(full) {
		if c := full[i]; socketapi.ValidTopic("a"+string(rune(c))) == nil && c < 0x80 {
			legal.WriteByte(c)
		} else if legal.Len() > 0 {
			legal.WriteByte('_')
		}
		if legal.Len() == socketapi.MaxTopicLen-hashLen {
			break
		}
	}
	return strings.TrimLeft(legal.String(), "_") + hashMark + hash
}

func looksMapped(s string) bool {
	at := len(s) - hashLen
	if at < 0 || s[at:at+len(hashMark)] != hashMark {
		return false
	}
	for i := at + len(hashMark); i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'v') {
			return false
		}
	}
	return true
}
