package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const host = "cloudsocket.hologram.io"

// message puts an answer together.
type message []byte

// answerTo begins an answer to a question with flags besides those that each
// answer has, without records.
func answerTo(question []byte, flags uint16) message {
	end := headerSize
	for question[end] != 0 {
		end += int(question[end]) + 1
	}
	m := append(message(nil), question[:end+5]...)
	binary.BigEndian.PutUint16(m[2:], flagResponse|flagRecurse|flagRecursion|flags)
	clear(m[6:headerSize])
	return m
}

// record adds a record to the answer. The owner and what is in data are as they
// are in a message.
func (m message) record(owner string, k recordType, class uint16, data string) message {
	m = append(slices.Clip(m), owner...)
	m = binary.BigEndian.AppendUint16(m, uint16(k))
	m = binary.BigEndian.AppendUint16(m, class)
	m = append(m, 0, 0, 0, 60)
	m = binary.BigEndian.AppendUint16(m, uint16(len(data)))
	m = append(m, data...)
	binary.BigEndian.PutUint16(m[6:], binary.BigEndian.Uint16(m[6:])+1)
	return m
}

// address adds an address of the name asked for.
func (m message) address(addr string) message { return m.addressOf(same, addr) }

func (m message) addressOf(owner, addr string) message {
	a := netip.MustParseAddr(addr)
	if a.Is4() {
		return m.record(owner, typeA, classIN, string(a.AsSlice()))
	}
	return m.record(owner, typeAAAA, classIN, string(a.AsSlice()))
}

func (m message) alias(owner, of string) message { return m.record(owner, typeCNAME, classIN, of) }

// same is the name asked for, compressed.
const same = "\xc0\x0c"

// wire is a name as it is in a message, not compressed.
func wire(name string) string {
	var b strings.Builder
	for label := range strings.SplitSeq(name, ".") {
		b.WriteByte(byte(len(label)))
		b.WriteString(label)
	}
	return b.String() + "\x00"
}

func questionFor(t testing.TB, k recordType) []byte {
	t.Helper()
	q, ok := newQuestion(0x1234, host, k)
	require.True(t, ok)
	return q
}

func TestQuestion(t *testing.T) {
	q := questionFor(t, typeAAAA)
	require.Equal(t, "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x0bcloudsocket\x08hologram\x02io\x00\x00\x1c\x00\x01", string(q))
	require.Len(t, q, 80-28-11, "80 bytes with its headers and EDNS0")

	label := strings.Repeat("a", 63)
	long := strings.Join([]string{label, label, label, label[:61]}, ".") // 253 characters
	for name, want := range map[string]bool{
		"a": true, "A-b_c.1": true, label: true, long: true,
		"": false, ".": false, "a.": false, ".a": false, "a..b": false, "a b": false, "a\x00": false, "ä": false, "a:1": false,
		label + "a": false, long + "a": false, "a." + long: false,
	} {
		_, ok := newQuestion(1, name, typeA)
		require.Equal(t, want, ok, "%q", name)
	}
}

func TestParseAnswer(t *testing.T) {
	q := questionFor(t, typeA)
	q6 := questionFor(t, typeAAAA)
	ok := answerTo(q, 0)
	other := answerTo(append([]byte{0x12, 0x35}, q[2:]...), 0)
	asked := append(message(nil), q...)
	elb := wire("elb.example.com")
	many := answerTo(q, 0)
	for range 40 {
		many = many.address("192.0.2.1")
	}
	chain := func(n int) message {
		m := answerTo(q, 0).alias(same, wire("a"))
		for i := range n - 1 {
			m = m.alias(wire(strings.Repeat("a", i+1)), wire(strings.Repeat("a", i+2)))
		}
		return m.addressOf(wire(strings.Repeat("a", n)), "192.0.2.1")
	}
	reversed := answerTo(q, 0).addressOf(wire("b"), "192.0.2.1").alias(wire("a"), wire("b")).alias(same, wire("a"))
	big := strings.ToUpper(string(q[headerSize:]))
	upper := append(append(message(nil), ok[:headerSize]...), big...)
	upper[len(upper)-4], upper[len(upper)-3], upper[len(upper)-2], upper[len(upper)-1] = 0, 1, 0, 1
	at := byte(len(ok)) // where the first record begins

	for _, tt := range []struct {
		name string
		q    []byte
		msg  message
		want []string
		err  error
	}{
		{"one address", q, ok.address("192.0.2.1"), []string{"192.0.2.1"}, nil},
		{"two addresses", q, ok.address("192.0.2.2").address("192.0.2.1"), []string{"192.0.2.2", "192.0.2.1"}, nil},
		{"IPv6", q6, answerTo(q6, 0).address("2001:db8::1"), []string{"2001:db8::1"}, nil},
		{"owner not compressed", q, ok.addressOf(wire(host), "192.0.2.1"), []string{"192.0.2.1"}, nil},
		{"owner in capitals", q, ok.addressOf(wire(strings.ToUpper(host)), "192.0.2.1"), []string{"192.0.2.1"}, nil},
		{"question in capitals", q, upper.address("192.0.2.1"), []string{"192.0.2.1"}, nil},
		{"alias", q, ok.alias(same, elb).addressOf(elb, "192.0.2.1"), []string{"192.0.2.1"}, nil},
		{"alias, compressed", q, ok.alias(same, "\x03elb\xc0\x18").addressOf("\xc0"+string(at+12), "192.0.2.1"), []string{"192.0.2.1"}, nil},
		{"aliases out of order", q, reversed, []string{"192.0.2.1"}, nil},
		{"16 names", q, chain(15), []string{"192.0.2.1"}, nil},
		{"17 names", q, chain(16), nil, errMalformed},
		{"alias of itself", q, ok.alias(same, same), nil, errMalformed},
		{"alias of an alias of it", q, ok.alias(same, elb).alias(elb, same), nil, errMalformed},
		{"alias without address", q, ok.alias(same, elb), nil, ErrNotFound},
		{"address of another name", q, ok.addressOf(elb, "192.0.2.1"), nil, ErrNotFound},
		{"address of another class", q, ok.record(same, typeA, 3, "abcd"), nil, ErrNotFound},
		{"address of the other kind", q, ok.address("2001:db8::1"), nil, ErrNotFound},
		{"other records", q, ok.record(same, 16, classIN, "text").address("192.0.2.1"), []string{"192.0.2.1"}, nil},
		{"no records", q, ok, nil, ErrNotFound},
		{"no such name", q, answerTo(q, 3), nil, ErrNotFound},
		{"no such name, of an alias", q, answerTo(q, 3).alias(same, elb), nil, ErrNotFound},
		{"32 at most", q, many, strings.Fields(strings.Repeat("192.0.2.1 ", 32)), nil},

		{"server failure", q, answerTo(q, 2), nil, codeErr("server failure")},
		{"refused", q, answerTo(q, 5), nil, codeErr("refused")},
		{"another code", q, answerTo(q, 9), nil, codeErr("code 9")},
		{"referral", q, message(append(append([]byte{q[0], q[1], 0x81, 0x00}, ok[4:]...), "and more"...)), nil, errReferral},
		{"no data, with authority, not recursive", q, message(append([]byte{q[0], q[1], 0x85, 0x00}, ok[4:]...)), nil, ErrNotFound},

		{"cut short, an address", q, answerTo(q, flagTruncated).address("192.0.2.1").address("192.0.2.2"), []string{"192.0.2.1", "192.0.2.2"}, nil},
		{"cut short in a record", q, answerTo(q, flagTruncated).address("192.0.2.1").address("192.0.2.2")[:at+17], []string{"192.0.2.1"}, nil},
		{"cut short, an alias", q, answerTo(q, flagTruncated).alias(same, elb), nil, errTruncated},
		{"cut short, nothing", q, answerTo(q, flagTruncated), nil, errTruncated},
		{"cut short before the first address", q, answerTo(q, flagTruncated).address("192.0.2.1")[:at+3], nil, errTruncated},

		{"empty", q, nil, nil, errNotAnswer},
		{"header only", q, ok[:headerSize], nil, errNotAnswer},
		{"question only in part", q, ok[:len(ok)-1], nil, errNotAnswer},
		{"another number", q, other.address("192.0.2.1"), nil, errNotAnswer},
		{"the question itself", q, asked, nil, errNotAnswer},
		{"another opcode", q, answerTo(q, 1<<11).address("192.0.2.1"), nil, errNotAnswer},
		{"another name", q, answerTo([]byte(strings.Replace(string(q), "hologram", "h0logram", 1)), 0).address("192.0.2.1"), nil, errNotAnswer},
		{"another type", q, answerTo(append(append([]byte(nil), q[:2]...), q6[2:]...), 0).address("192.0.2.1"), nil, errNotAnswer},

		{"record cut short", q, ok.address("192.0.2.1")[:at+15], nil, errMalformed},
		{"second record cut short", q, ok.address("192.0.2.1").address("192.0.2.2")[:at+20], nil, errMalformed},
		{"address of 3 bytes", q, ok.record(same, typeA, classIN, "abc"), nil, errMalformed},
		{"address of 16 bytes as A", q, ok.record(same, typeA, classIN, strings.Repeat("a", 16)), nil, errMalformed},
		{"name points to itself", q, ok.addressOf("\xc0"+string(at), "192.0.2.1"), nil, errMalformed},
		{"name points forward", q, ok.addressOf("\xc0"+string(at+2), "192.0.2.1"), nil, errMalformed},
		{"name points to nowhere", q, ok.addressOf("\xff\xff", "192.0.2.1"), nil, errMalformed},
		{"name loops through a label", q, ok.addressOf("\x01a\xc0"+string(at), "192.0.2.1"), nil, errMalformed},
		{"label of a reserved kind", q, ok.addressOf("\x80a", "192.0.2.1"), nil, errMalformed},
		{"name without end", q, append(slices.Clip(ok), strings.Repeat("\x3f"+strings.Repeat("a", 63), 5)...).count(1), nil, errMalformed},
		{"alias longer than its record", q, ok.alias(same, "\x05elb").address("192.0.2.1"), nil, errMalformed},
		{"alias shorter than its record", q, ok.alias(same, elb+"x"), nil, errMalformed},
		{"65535 records", q, ok.address("192.0.2.1").count(65535), nil, errMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addrs, err := parseAnswer(tt.msg, tt.q)
			var got []string
			for _, a := range addrs {
				got = append(got, a.String())
			}
			require.Equal(t, tt.want, got)
			if tt.err != nil {
				require.EqualError(t, err, tt.err.Error())
			} else {
				require.NoError(t, err)
			}
		})
	}
}

// codeErr is what a server says.
func codeErr(text string) error { return errors.New("server answers: " + text) }

// count sets the number of records.
func (m message) count(n uint16) message {
	m = append(message(nil), m...)
	binary.BigEndian.PutUint16(m[6:], n)
	return m
}

// FuzzParseAnswer compares with package net, which takes addresses of any name.
func FuzzParseAnswer(f *testing.F) {
	q := questionFor(f, typeA)
	elb := wire("elb.example.com")
	for _, m := range []message{
		answerTo(q, 0).address("192.0.2.1"),
		answerTo(q, 0).alias(same, elb).addressOf(elb, "192.0.2.1"),
		answerTo(q, 0).alias(same, "\x03elb\xc0\x18").addressOf("\xc0\x3d", "192.0.2.1"),
		answerTo(q, 0).alias(same, elb).alias(elb, same),
		answerTo(q, 0).addressOf("\xc0\x29", "192.0.2.1"),
		answerTo(q, flagTruncated).address("192.0.2.1"),
		answerTo(q, 3), answerTo(q, 2),
	} {
		f.Add([]byte(m[2:4]), []byte(m[6:headerSize]), []byte(m[len(q):]))
	}
	f.Fuzz(func(t *testing.T, flags, counts, records []byte) {
		if len(flags) != 2 || len(counts) != 6 || len(records) > 4000 {
			return
		}
		build := func(question []byte) []byte {
			m := answerTo(question, 0)
			copy(m[2:], flags)
			copy(m[6:], counts)
			return append(m, records...)
		}
		addrs, err := parseAnswer(build(q), q)
		require.Equal(t, err == nil, len(addrs) > 0)
		require.LessOrEqual(t, len(addrs), maxAddrs)
		if err != nil || flags[0]&(flagTruncated>>8) != 0 {
			return
		}
		r := net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return &streamServer{build: build}, nil
		}}
		all, err := r.LookupNetIP(t.Context(), "ip4", host+".")
		require.NoError(t, err)
		require.Subset(t, all, addrs)
	})
}

// streamServer is a connection to a name server that gives one answer.
type streamServer struct {
	net.Conn // no other method is called

	build  func(question []byte) []byte
	answer []byte
}

func (s *streamServer) Write(b []byte) (int, error) {
	m := s.build(b[2:])
	s.answer = append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...)
	return len(b), nil
}

func (s *streamServer) Read(b []byte) (int, error) {
	if len(s.answer) == 0 {
		return 0, io.EOF
	}
	n := copy(b, s.answer)
	s.answer = s.answer[n:]
	return n, nil
}

func (*streamServer) SetDeadline(time.Time) error { return nil }
func (*streamServer) Close() error                { return nil }

func TestErrorText(t *testing.T) {
	e := &Error{Host: host, Server: netip.MustParseAddr("192.0.2.53"), Err: os.ErrDeadlineExceeded}
	require.EqualError(t, e, "lookup cloudsocket.hologram.io on 192.0.2.53: i/o timeout")
	require.True(t, e.Timeout())
	require.False(t, (&Error{Err: ErrNotFound}).Timeout())
}
