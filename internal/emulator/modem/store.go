package modem

// States of a message (3GPP TS 27.005, 3.1, <stat> in PDU mode).
const (
	statUnread = 0
	statRead   = 1
	statAll    = 4
)

// message is a message in a store, or on its way to one.
type message struct {
	pdu  []byte
	stat int
	// from, text and when are for text mode; empty where only the PDU is known.
	from, text, when string
	report           bool
	class            Class
}

// length is what +CMGL and its like announce: octets of the TPDU.
func (m *message) length() int {
	t, ok := tpduOf(m.pdu)
	if !ok {
		return len(m.pdu)
	}
	return len(t)
}

// store is a place for messages.
type store struct {
	name  string
	slots []*message
}

func (s *store) used() (n int) {
	for _, m := range s.slots {
		if m != nil {
			n++
		}
	}
	return n
}

// memory is what AT+CPMS selects: a store, or several as one (MT).
type memory struct {
	name   string
	first  int // index of the first message
	stores []*store
}

func (v memory) used() (n int) {
	for _, s := range v.stores {
		n += s.used()
	}
	return n
}

func (v memory) size() (n int) {
	for _, s := range v.stores {
		n += len(s.slots)
	}
	return n
}

// slot returns where the message with an index is, nil if there is no such index.
func (v memory) slot(index int) **message {
	i := index - v.first
	for _, s := range v.stores {
		if i >= 0 && i < len(s.slots) {
			return &s.slots[i]
		}
		i -= len(s.slots)
	}
	return nil
}

// put stores a message in the first free place, and returns its index.
func (v memory) put(m *message) (index int, ok bool) {
	index = v.first
	for _, s := range v.stores {
		for i := range s.slots {
			if s.slots[i] == nil {
				s.slots[i] = m
				return index, true
			}
			index++
		}
	}
	return 0, false
}

// each calls f with the messages in the order of their indices.
func (v memory) each(f func(index int, at **message)) {
	index := v.first
	for _, s := range v.stores {
		for i := range s.slots {
			if s.slots[i] != nil {
				f(index, &s.slots[i])
			}
			index++
		}
	}
}
