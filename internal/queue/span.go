package queue

// span is a part of a segment.
type span struct {
	from, to uint32
	// at is the time of the last record before to, which those behind it may share.
	at int64
}

// spans are parts of a segment in ascending order that neither overlap nor touch.
type spans []span

// add returns the spans together with x.
func (s spans) add(x span) spans {
	i := len(s)
	for i > 0 && s[i-1].to >= x.from {
		i--
	}
	// s[i:j] overlap or touch x.
	j := i
	for ; j < len(s) && s[j].from <= x.to; j++ {
		x.from = min(x.from, s[j].from)
		if s[j].to > x.to {
			x.to, x.at = s[j].to, s[j].at
		}
	}
	if i == j {
		s = append(s, span{})
		copy(s[i+1:], s[i:])
		s[i] = x
		return s
	}
	s[i] = x
	return append(s[:i+1], s[j:]...)
}

// gaps returns what is between the spans, up to size; at is the time of the last record before the gap.
func (s spans) gaps(size uint32) []span {
	var gaps []span
	var from uint32
	var at int64
	for _, x := range s {
		if x.from >= size {
			break
		}
		if x.from > from {
			gaps = append(gaps, span{from, x.from, at})
		}
		from, at = x.to, x.at
	}
	if from < size {
		gaps = append(gaps, span{from, size, at})
	}
	return gaps
}
