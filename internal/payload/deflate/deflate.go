// Package deflate compresses small texts with a preset dictionary into raw
// DEFLATE (RFC 1951), which any implementation reads that takes a dictionary.
//
// It is for messages of a few kilobytes that are paid for by the byte. Against
// compress/flate it searches for the cheapest sequence of symbols instead of a
// good one, indexes the dictionary once and not for every text, and gives the
// same bytes for the same text on every platform and with every Go release.
// Inflate is the way back.
package deflate

import (
	"math"
	"sync"
)

// Numbers of RFC 1951.
const (
	minMatch      = 3
	maxMatch      = 258
	maxDistance   = 32 << 10
	endOfBlock    = 256
	literalCodes  = 286
	distanceCodes = 30
)

// The search.
const (
	hashBits  = 13
	chainText = 32  // earlier places looked at in the text
	chainDict = 48  // and in the dictionary
	longMatch = 100 // a match so long is taken whole
	passes    = 1   // parses under the costs of the parse before
)

// Dictionary is a preset dictionary with its index. It is safe for concurrent
// use.
type Dictionary struct {
	text []byte
	once sync.Once
	head []uint16 // by hash: the last place + 1
	prev []uint16 // by place: the place before + 1
}

// NewDictionary returns the dictionary with the given text, of which at most
// the last 32 KiB count.
func NewDictionary(text []byte) *Dictionary {
	if len(text) > maxDistance {
		text = text[len(text)-maxDistance:]
	}
	return &Dictionary{text: text}
}

// Text returns the text that a decoder has to know.
func (d *Dictionary) Text() []byte { return d.text }

func (d *Dictionary) index() {
	d.once.Do(func() {
		d.head = make([]uint16, 1<<hashBits)
		d.prev = make([]uint16, len(d.text))
		for i := range len(d.text) - minMatch + 1 {
			h := hash(d.text[i:])
			d.prev[i] = d.head[h]
			d.head[h] = uint16(i + 1) // 32766 at most
		}
	})
}

func hash(b []byte) uint32 {
	return (uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16) * 0x9e3779b1 >> (32 - hashBits)
}

// Encoder compresses texts and keeps its memory between them. The zero value is
// ready for use; it is not for concurrent use.
type Encoder struct {
	dict    *Dictionary
	buf     []byte // the dictionary's text and the text
	head    []int32
	prev    []int32
	matches []match
	starts  []int32 // by place in the text: its first match; one more than places
	costs   []uint32
	steps   []token // by place: the last step on the cheapest way there
	tokens  []token
	best    []token
	bits    bitWriter
	huff    huffman
}

// match is an earlier place with the same bytes.
type match struct {
	length   uint16
	distance uint16 // less one, so that 32768 fits
}

// token is a literal, with a length of 1, or a match.
type token struct {
	length   uint16
	distance uint16 // less one
	literal  byte
}

// Append appends the compressed text to dst. A nil dictionary is an empty one.
func (e *Encoder) Append(dst, text []byte, dict *Dictionary) []byte {
	if dict == nil {
		dict = &Dictionary{}
	}
	dict.index()
	if e.dict != dict {
		e.dict = dict
		e.buf = append(e.buf[:0], dict.text...)
	}
	e.buf = append(e.buf[:len(dict.text)], text...)
	e.search()

	// Two ways to begin: the fixed codes, which suit the shortest texts, and
	// codes made for the text.
	var fixed costs
	fixed.fixed()
	e.parse(&fixed)
	e.best = append(e.best[:0], e.tokens...)
	size := e.huff.size(e.tokens)
	var c costs
	c.learn(e.tokens)
	for range passes {
		e.parse(&c)
		if s := e.huff.size(e.tokens); s < size {
			size = s
			e.best = append(e.best[:0], e.tokens...)
		}
		c.learn(e.tokens)
	}
	e.bits.start(dst)
	e.writeBlocks(e.best)
	return e.bits.finish()
}

// search finds the matches of every place: for each length the nearest.
func (e *Encoder) search() {
	base := len(e.dict.text)
	n := len(e.buf) - base
	if e.head == nil {
		e.head = make([]int32, 1<<hashBits)
	}
	clear(e.head)
	if cap(e.starts) < n+1 {
		e.prev = make([]int32, n+n/4)
		e.starts = make([]int32, n+n/4+1)
		e.costs = make([]uint32, n+n/4+1)
		e.steps = make([]token, n+n/4+1)
	}
	e.prev, e.starts = e.prev[:n], e.starts[:n+1]
	e.matches = e.matches[:0]
	for i := range n {
		e.starts[i] = int32(len(e.matches)) // bounded by the text's length
		rest := e.buf[base+i:]
		if len(rest) < minMatch {
			continue
		}
		limit := min(len(rest), maxMatch)
		h := hash(rest)
		longest := minMatch - 1
		look := func(at int) bool {
			distance := base + i - at
			if distance > maxDistance {
				return false
			}
			if e.buf[at+longest] != rest[longest] {
				return true
			}
			length := 0
			for length < limit && e.buf[at+length] == rest[length] {
				length++
			}
			if length > longest {
				longest = length
				e.matches = append(e.matches, match{uint16(length), uint16(distance - 1)}) // bounded above
			}
			return longest < limit
		}
		more := true
		for at, depth := e.head[h], 0; more && at > 0 && depth < chainText; depth++ {
			more = look(base + int(at) - 1)
			at = e.prev[at-1]
		}
		for at, depth := e.dict.head[h], 0; more && at > 0 && depth < chainDict; depth++ {
			more = look(int(at) - 1)
			at = e.dict.prev[at-1]
		}
		e.prev[i] = e.head[h]
		e.head[h] = int32(i + 1) // bounded by the text's length
	}
	e.starts[n] = int32(len(e.matches)) // bounded by the text's length
}

// parse fills e.tokens with the cheapest way through the text.
func (e *Encoder) parse(c *costs) {
	base := len(e.dict.text)
	n := len(e.buf) - base
	cost, steps := e.costs[:n+1], e.steps[:n+1]
	for i := range cost {
		cost[i] = math.MaxUint32
	}
	cost[0] = 0
	for i := range n {
		at := cost[i]
		literal := e.buf[base+i]
		if t := at + c.literals[literal]; t < cost[i+1] {
			cost[i+1] = t
			steps[i+1] = token{length: 1, literal: literal}
		}
		matches := e.matches[e.starts[i]:e.starts[i+1]]
		if len(matches) == 0 {
			continue
		}
		from := minMatch
		if last := matches[len(matches)-1]; last.length >= longMatch {
			matches = matches[len(matches)-1:]
			from = int(last.length)
		}
		for _, m := range matches {
			distance := at + c.distance(m.distance)
			for l := from; l <= int(m.length); l++ {
				if t := distance + c.lengths[l]; t < cost[i+l] {
					cost[i+l] = t
					steps[i+l] = token{length: uint16(l), distance: m.distance} // 258 at most
				}
			}
			from = int(m.length) + 1
		}
	}
	// Walk back, then turn around.
	e.tokens = e.tokens[:0]
	for i := n; i > 0; i -= int(steps[i].length) {
		e.tokens = append(e.tokens, steps[i])
	}
	for i, j := 0, len(e.tokens)-1; i < j; i, j = i+1, j-1 {
		e.tokens[i], e.tokens[j] = e.tokens[j], e.tokens[i]
	}
}
