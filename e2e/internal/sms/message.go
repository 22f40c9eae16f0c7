package sms

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode/utf16"

	"telegraf-hologram/e2e/internal/lab"
)

// message is an SMS that is sent.
type message struct {
	lab.SMS
	// token is a word that is in this text only, and parts how many SMS it takes.
	token string
	parts int
}

// key is what must come out.
func (m message) key() string { return m.From + "\x00" + m.Text }

// alphabet is a kind of text.
type alphabet struct {
	pieces []string
	// size is what a piece takes up: septets, UTF-16 units or bytes. whole is what
	// fits into one SMS, part what fits into each of several.
	size        func(string) int
	whole, part int
	encoding    int
}

var alphabets = []alphabet{
	{ // the default alphabet and its extension
		pieces: []string{
			"high", "water", "Kessel 3", "zu warm", "\n", "\r\n", `"`, `\`, `\\`, `\n`, `"quoted"`, " ", "  ", "€", "[", "]", "{", "}", "~", "|", "^",
			"Äpfel", "ß", "Ω", "@", "$", "£", "¡", ",", "=", "cpu,host=a v=1i 1700000000", "#", "'", "\f",
		},
		size: septets, whole: 160, part: 153,
	},
	{ // UTF-16
		pieces: []string{
			"привет", "кириллица", "水位", "高い", "مرحبا", "שלום", "🌊", "👨‍👩‍👧", "🇨🇭", "\n", "\t", `"`, `\`, "`", " ", "\u00a0", "é", "łódź", "„“", "—", "\u200b",
		},
		size: func(s string) int { return len(utf16.Encode([]rune(s))) }, whole: 70, part: 67,
	},
	{ // 8-bit data that is UTF-8, as Hologram's own API sends texts
		pieces: []string{"level", "=", "12.5", "\n", `"`, `\`, " ", "ø", "🌊", "\t", ","},
		size:   func(s string) int { return len(s) }, whole: 140, part: 134, encoding: 3,
	},
}

// septets is what a text takes up in the default alphabet (3GPP TS 23.038, 6.2.1).
func septets(s string) int {
	n := 0
	for _, c := range s {
		n++
		if strings.ContainsRune("€[]{}~|^\\\f", c) {
			n++
		}
	}
	return n
}

// messages makes count different SMS, the same ones for each seed. A third of them
// take least to most parts.
func messages(seed uint64, count, least, most int) []message {
	random := rand.New(rand.NewPCG(seed, 1))
	list := make([]message, count)
	for i := range list {
		parts := 1
		if i%3 == 1 {
			parts = least + random.IntN(most-least+1)
		}
		a := alphabets[0]
		switch n := random.IntN(100); {
		case n < 40:
			a = alphabets[1]
		case n < 50:
			a = alphabets[2]
		}
		m := message{token: token(random, i), parts: parts}
		m.Encoding, m.Ref16 = a.encoding, random.IntN(3) == 0
		m.From = sender(random, i)
		m.Text = a.text(random, m.token, parts)
		list[i] = m
	}
	return list
}

// token returns a word that nothing else holds.
func token(random *rand.Rand, i int) string {
	const letters = "bcdfghjkmnpqrstvwxz"
	b := make([]byte, 8)
	for k := range b {
		b[k] = letters[random.IntN(len(letters))]
	}
	return fmt.Sprintf("%s%04dq", b, i)
}

// sender returns a number of its own, or a name now and then.
func sender(random *rand.Rand, i int) string {
	switch {
	case i%11 == 5:
		return fmt.Sprintf("Zqv%04dx", i)
	case i%7 == 3:
		return fmt.Sprintf("0%d%04d", 60_000+random.IntN(30_000), i)
	default:
		return fmt.Sprintf("+4479%d%04d", 10_000+random.IntN(80_000), i)
	}
}

// text makes a text with the token somewhere in it. What cuts a text into parts
// cuts no character, and so a part may hold a little less than it could.
func (a alphabet) text(random *rand.Rand, token string, parts int) string {
	const slack, cut = 8, 3 // a character may be four bytes, of which none is cut off
	least, most := 0, a.whole
	if parts > 1 {
		least, most = max((parts-1)*a.part, a.whole)+1, (parts-1)*(a.part-1)+a.part
		if a.encoding != 0 {
			most = max((parts-1)*(a.part-cut)+a.part, least+slack+1)
		}
	}
	want := least + random.IntN(max(most-least-slack, 1))
	place := random.IntN(max(want-a.size(token), 1))
	var b strings.Builder
	n, placed := 0, false
	for {
		piece := a.pieces[random.IntN(len(a.pieces))]
		if !placed && n >= place {
			piece, placed = token, true
		}
		if n += a.size(piece); n > most {
			if !placed {
				continue
			}
			break
		}
		b.WriteString(piece)
		if placed && n >= max(want, least) {
			break
		}
	}
	return b.String()
}
