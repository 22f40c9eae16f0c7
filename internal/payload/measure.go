package payload

import "telegraf-hologram/internal/payload/deflate"

// SetDictionary lets the Encoder compress with another preset dictionary, to
// measure what a dictionary is worth. Decode does not read what is made so: it
// knows the dictionaries of package dictionary only.
func (e *Encoder) SetDictionary(text []byte) {
	e.scratch.entropy.dict = deflate.NewDictionary(text)
}
