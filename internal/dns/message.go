package dns

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// recordType is a type of records (RFC 1035 section 3.2.2, RFC 3596).
type recordType uint16

const (
	typeA     recordType = 1
	typeCNAME recordType = 5
	typeAAAA  recordType = 28
)

const (
	classIN    = 1
	headerSize = 12

	flagResponse   = 1 << 15
	maskOpcode     = 15 << 11
	flagAuthority  = 1 << 10
	flagTruncated  = 1 << 9
	flagRecurse    = 1 << 8
	flagRecursion  = 1 << 7 // available
	maskCode       = 15
	codeOK         = 0
	codeNoSuchName = 3

	maxName    = 255 // bytes in a message, the root's label included (RFC 1035 section 2.3.4)
	maxLabel   = 63
	maxAliases = 16 // CNAME records on the way to an address
	maxAddrs   = 32
)

// What an answer is that brings no address and says nothing about the name.
var (
	errNotAnswer = errors.New("not an answer to the question")
	errTruncated = errors.New("answer cut short")
	errMalformed = errors.New("answer is malformed")
	errReferral  = errors.New("server does not look up names")
)

// newQuestion is the message that asks for the records of a name. The name must
// be one of a host: letters, digits, '-', '_' and dots.
func newQuestion(id uint16, name string, k recordType) ([]byte, bool) {
	q := binary.BigEndian.AppendUint16(make([]byte, 0, headerSize+len(name)+6), id)
	q = append(q, flagRecurse>>8, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	label := len(q) // where its length is
	q = append(q, 0)
	for i := range len(name) + 1 {
		if i < len(name) && name[i] != '.' {
			if !isHostByte(name[i]) {
				return nil, false
			}
			q = append(q, name[i])
			continue
		}
		n := len(q) - label - 1
		if n == 0 || n > maxLabel {
			return nil, false
		}
		q[label] = byte(n)
		label = len(q)
		q = append(q, 0) // the next label's, or the root's
	}
	if len(q)-headerSize > maxName {
		return nil, false
	}
	return append(q, byte(k>>8), byte(k), 0, classIN), true
}

func isHostByte(c byte) bool {
	return 'a' <= lower(c) && lower(c) <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// lower makes a letter small. It leaves the lengths of labels alone: they are
// below 'A'.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// parseAnswer returns the addresses that a message has for a question of
// newQuestion, following aliases, in the order of the message. There is at
// least one if the error is nil. The error is errNotAnswer for what may not
// come from the server at all, ErrNotFound, errTruncated if the rest may have
// an address, or one that is for another server to put right.
func parseAnswer(msg, question []byte) ([]netip.Addr, error) {
	if !answers(msg, question) {
		return nil, errNotAnswer
	}
	flags := binary.BigEndian.Uint16(msg[2:])
	switch code := flags & maskCode; code {
	case codeOK:
	case codeNoSuchName:
		return nil, ErrNotFound
	default:
		return nil, codeError(code)
	}
	truncated := flags&flagTruncated != 0
	r := records{msg: msg, first: len(question), count: int(binary.BigEndian.Uint16(msg[6:]))} //nolint:gosec // answers has seen to the length
	k := recordType(binary.BigEndian.Uint16(question[len(question)-4:]))
	var buf, aliasBuf [maxName]byte
	name, _, _ := appendName(buf[:0], msg, headerSize)
	for range maxAliases {
		addrs, alias, whole := r.of(name, k, aliasBuf[:0])
		switch {
		case !whole && !truncated:
			return nil, errMalformed
		case len(addrs) > 0:
			return addrs, nil
		case truncated && (!whole || alias == nil):
			return nil, errTruncated
		case alias == nil && r.count == 0 && flags&(flagAuthority|flagRecursion) == 0:
			return nil, errReferral
		case alias == nil:
			return nil, ErrNotFound
		}
		name = append(buf[:0], alias...)
	}
	return nil, errMalformed
}

// answers tells whether a message is an answer to the question: it has its
// number and repeats it.
func answers(msg, question []byte) bool {
	if len(msg) < len(question) || msg[0] != question[0] || msg[1] != question[1] ||
		binary.BigEndian.Uint16(msg[2:])&(flagResponse|maskOpcode) != flagResponse ||
		binary.BigEndian.Uint16(msg[4:]) != 1 {
		return false
	}
	for i := headerSize; i < len(question); i++ {
		if lower(msg[i]) != lower(question[i]) {
			return false
		}
	}
	return true
}

// codeError is the error that a server has answered with (RFC 1035 section 4.1.1).
func codeError(code uint16) error {
	names := [...]string{1: "format error", 2: "server failure", 4: "not implemented", 5: "refused"}
	if int(code) < len(names) && names[code] != "" {
		return errors.New("server answers: " + names[code])
	}
	return fmt.Errorf("server answers: code %d", code)
}

// records are the answers of a message.
type records struct {
	msg          []byte
	first, count int
}

// of returns the addresses that the records have for a name, and the name that
// it is an alias of, appended to dst, nil if it is none. whole is false if the
// records end before their number is reached, or make no sense.
func (r *records) of(name []byte, k recordType, dst []byte) (addrs []netip.Addr, alias []byte, whole bool) {
	at := r.first
	var buf [maxName]byte
	for range r.count {
		owner, end, ok := appendName(buf[:0], r.msg, at)
		if !ok || len(r.msg)-end < 10 {
			return addrs, alias, false
		}
		kind := recordType(binary.BigEndian.Uint16(r.msg[end:]))
		class := binary.BigEndian.Uint16(r.msg[end+2:])
		data := end + 10 // behind the time for which it may be kept and the length
		size := int(binary.BigEndian.Uint16(r.msg[end+8:]))
		if at = data + size; at > len(r.msg) {
			return addrs, alias, false
		}
		if class != classIN || string(owner) != string(name) {
			continue
		}
		switch {
		case kind == typeCNAME && alias == nil:
			// The name may use what lies before the record, not after it.
			if alias, end, ok = appendName(dst, r.msg[:at], data); !ok || end != at {
				return addrs, nil, false
			}
		case kind == k && len(addrs) < maxAddrs:
			addr, ok := netip.AddrFromSlice(r.msg[data:at])
			if !ok || addr.Is4() != (k == typeA) {
				return addrs, alias, false
			}
			addrs = append(addrs, addr)
		}
	}
	return addrs, alias, true
}

// appendName appends to dst the name at an offset of a message, in small
// letters, uncompressed, its labels with their lengths before them; end is
// where the message goes on.
func appendName(dst, msg []byte, at int) (name []byte, end int, ok bool) {
	for limit := at; at < len(msg); {
		n := int(msg[at])
		switch {
		case n == 0:
			if end == 0 {
				end = at + 1
			}
			return dst, end, true
		case n <= maxLabel:
			if at+1+n > len(msg) || len(dst)+1+n >= maxName {
				return dst, 0, false
			}
			dst = append(dst, byte(n))
			for _, c := range msg[at+1 : at+1+n] {
				dst = append(dst, lower(c))
			}
			at += 1 + n
		case n>>6 == 3 && at+1 < len(msg):
			// The rest is elsewhere: before all that was read of the name, so
			// that it comes to an end (RFC 1035 section 4.1.4).
			to := n&maxLabel<<8 | int(msg[at+1])
			if to >= limit {
				return dst, 0, false
			}
			if end == 0 {
				end = at + 2
			}
			at, limit = to, to
		default:
			return dst, 0, false
		}
	}
	return dst, 0, false
}
