package payload

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"

	"telegraf-hologram/internal/order"
)

// The head byte of the content.
const (
	headUnit      = 0x0f // unit of the times: 10^unit nanoseconds
	headOne       = 0x10 // all metrics have the same name
	headSequence  = 0x20 // every metric has a series of its own
	headReserved  = 0xc0
	maxUnit       = 11                        // 100 s, the largest that divides epoch
	epoch         = 1_767_225_600_000_000_000 // 2026-01-01T00:00:00Z in Unix nanoseconds
	sparseTags    = 0x01                      // not every series has every tag
	sparseColumns = 0x02                      // not every metric has every column
	plainTags     = 0x04                      // all tag columns are plain and their codings left out
	quotients     = 0x08                      // a column of denominators comes before the field columns
	flagsReserved = 0xf0
)

// The kinds of field columns: type and coding in one byte.
const (
	kindInt          = 0                                           // + intCoding
	kindUint         = kindInt + int(intCodings)                   // + intCoding
	kindDecimal      = kindUint + int(intCodings)                  // + exponent*decimalCodings + predictor*2 + constant
	kindDecimalParam = kindDecimal + plainExponents*decimalCodings // + predictor*2 + constant; a parameter byte leads the data
	kindRaw          = kindDecimalParam + decimalCodings           // + predictor-predictZero, up to predictSeries
	kindShare        = kindRaw + 3                                 // + share; the indices of two columns are the data
	kindQuotient     = kindShare + int(shares)                     // numerators, then the differences to the quotients
	kindFalse        = kindQuotient + 1                            // all false
	kindTrue         = kindFalse + 1                               // all true
	kindBits         = kindTrue + 1                                // one bit each
	kindBitsSeries   = kindBits + 1                                // one bit each, XORed with the same series before
	kindString       = kindBitsSeries + 1                          // + stringCoding
	kinds            = kindString + int(stringCodings)

	plainExponents    = 4 // exponents that need no parameter byte
	decimalCodings    = decimalPredictors * int(predictors)
	decimalPredictors = 2 // codings for each predictor
	decimalConstant   = 1
)

// scratch is memory that encoding reuses.
type scratch struct {
	fields   []fieldValue
	key      []byte
	history  history
	numbers  []uint64
	distinct map[string]uint64
	texts    []string
	content  []byte
	frame    []byte
	entropy  entropy

	groups      []group
	groupOf     []int32 // by measurement: index in groups + 1
	seriesOf    []int32 // by series: local index + 1
	series      []int32 // local to global
	rowSeries   []int32 // by row: local series
	times       []uint64
	codes       []uint64
	next        []int32
	columnOrder []int32
}

// group is what a range has of one measurement.
type group struct {
	measurement *measurement
	rows        []int32 // indices in the range
	series      []int32 // local indices, ascending
	tags        []int32 // sorted by key
	columns     []int32 // sorted by name and type
	sparseTags  bool
	plainTags   bool // all tag columns are plain
	sparse      bool
	quotients   bool
	kinds       []byte
	data        []byte
}

// Append encodes the metrics from index from up to but not including index to,
// and appends the payload's text to dst.
func (e *Encoder) Append(dst []byte, from, to int, seq Sequence) ([]byte, error) {
	frame, err := e.frame(from, to, seq)
	if err != nil {
		return dst, err
	}
	return appendText(append(dst, Version1), frame), nil
}

// AppendSMS is Append in the text stage for SMS: the text has characters only
// that are one septet each in the GSM 7 bit default alphabet and have their
// ASCII code there. One of 160 characters, which is what one SMS can hold, has a
// frame of 126 bytes. The caller sees to it that the range fits.
func (e *Encoder) AppendSMS(dst []byte, from, to int, seq Sequence) ([]byte, error) {
	frame, err := e.frame(from, to, seq)
	if err != nil {
		return dst, err
	}
	return appendSMSText(append(dst, VersionSMS), frame), nil
}

// frame returns the frame of a range of metrics. It is valid until the next call.
func (e *Encoder) frame(from, to int, seq Sequence) ([]byte, error) {
	if seq >= SequenceLimit {
		return nil, fmt.Errorf("encoding with sequence number %d: it must be below %d", seq, SequenceLimit)
	}
	content, err := e.appendContent(e.scratch.content[:0], from, to)
	if err != nil {
		return nil, err
	}
	s := &e.scratch
	s.content = content
	f := frame{sequence: seq, checksum: checksum(seq, content)}
	f.method, f.body = s.entropy.compress(content)
	s.frame = f.append(s.frame[:0])
	return s.frame, nil
}

func (e *Encoder) appendContent(dst []byte, from, to int) ([]byte, error) {
	n := to - from
	if from < 0 || to > len(e.rows) || n <= 0 {
		return dst, fmt.Errorf("encoding metrics %d to %d of %d: no such range", from, to, len(e.rows))
	}
	if n > MaxMetrics {
		return dst, fmt.Errorf("encoding %d metrics: %w", n, ErrTooLarge)
	}
	s := &e.scratch
	if s.distinct == nil {
		s.distinct = map[string]uint64{}
	}
	rows := e.rows[from:to]
	e.collect(rows)
	if v, text := e.countValues(rows); v > MaxValues || text > MaxText {
		return dst, fmt.Errorf("encoding %d values with %d bytes of text: %w", v, text, ErrTooLarge)
	}

	unit := timeUnit(rows)
	head := byte(unit) // 0 to maxUnit
	if len(s.groups) == 1 {
		head |= headOne
	}
	if len(s.series) == n {
		head |= headSequence
	}
	dst = append(dst, head)
	dst = binary.AppendUvarint(dst, uint64(n))
	if head&headOne == 0 {
		dst = binary.AppendUvarint(dst, uint64(len(s.groups)))
	}

	// The data of field columns comes last, but their kinds belong to the schema.
	for i := range s.groups {
		e.encodeColumns(&s.groups[i], rows)
	}
	for i := range s.groups {
		dst = e.appendSchema(dst, &s.groups[i])
	}
	if head&headSequence == 0 {
		dst = binary.AppendUvarint(dst, uint64(len(s.series)))
	}
	if head&headOne == 0 {
		s.numbers = s.numbers[:0]
		for _, i := range s.series {
			s.numbers = append(s.numbers, uint64(s.groupOf[e.series[i].measurement]-1))
		}
		dst = s.appendIntColumn(dst, s.numbers, nil, 0)
	}
	for i := range s.groups {
		dst = e.appendTags(dst, &s.groups[i])
	}
	if head&headSequence == 0 {
		dst = s.appendSeriesColumn(dst)
	}
	s.times = s.times[:0]
	for _, r := range rows {
		s.times = append(s.times, timeIn(r.time, unit))
	}
	dst = s.appendIntColumn(dst, s.times, s.rowSeries, len(s.series))
	for i := range s.groups {
		dst = append(dst, s.groups[i].data...)
	}
	if len(dst) > MaxContent {
		return dst, fmt.Errorf("encoding to %d bytes: %w", len(dst), ErrTooLarge)
	}
	return dst, nil
}

// collect finds the measurements, series and columns of the rows.
func (e *Encoder) collect(rows []row) {
	s := &e.scratch
	for i := range s.groups {
		g := &s.groups[i]
		*g = group{rows: g.rows[:0], series: g.series[:0], tags: g.tags[:0], columns: g.columns[:0], kinds: g.kinds[:0], data: g.data[:0]}
	}
	s.groups = s.groups[:0]
	s.groupOf = zeroed(s.groupOf, len(e.measurements))
	s.seriesOf = zeroed(s.seriesOf, len(e.series))
	s.series = s.series[:0]
	s.rowSeries = s.rowSeries[:0]
	for i, r := range rows {
		if s.groupOf[r.measurement] == 0 {
			if len(s.groups) < cap(s.groups) {
				s.groups = s.groups[:len(s.groups)+1]
			} else {
				s.groups = append(s.groups, group{})
			}
			s.groups[len(s.groups)-1].measurement = e.measurements[r.measurement]
			s.groupOf[r.measurement] = int32(len(s.groups)) // at most MaxMetrics
		}
		g := &s.groups[s.groupOf[r.measurement]-1]
		if s.seriesOf[r.series] == 0 {
			g.series = append(g.series, int32(len(s.series))) // at most MaxMetrics
			s.series = append(s.series, r.series)
			s.seriesOf[r.series] = int32(len(s.series)) // at most MaxMetrics
		}
		s.rowSeries = append(s.rowSeries, s.seriesOf[r.series]-1)
		g.rows = append(g.rows, int32(i)) // at most MaxMetrics
	}
	for i := range s.groups {
		e.collectKeys(&s.groups[i], rows)
	}
}

// collectKeys finds which tags and columns the group's rows have.
func (e *Encoder) collectKeys(g *group, rows []row) {
	s := &e.scratch
	m := g.measurement
	s.next = zeroed(s.next, max(len(m.tags), len(m.columns), len(m.shapes)))
	first := len(e.series[s.series[g.series[0]]].keys)
	for _, l := range g.series {
		keys := e.series[s.series[l]].keys
		for _, k := range keys {
			if s.next[k] == 0 {
				s.next[k] = 1
				g.tags = append(g.tags, k)
			}
		}
		g.sparseTags = g.sparseTags || len(keys) != first
	}
	g.sparseTags = g.sparseTags || len(g.tags) != first
	order.Sort(len(g.tags), func(i, j int) bool { return m.tags[g.tags[i]] < m.tags[g.tags[j]] },
		func(i, j int) { g.tags[i], g.tags[j] = g.tags[j], g.tags[i] })
	g.plainTags = len(g.series) == 1 && !e.anyNumbered(g)

	// Shapes first, so that the columns of a shape are looked at once.
	s.next = zeroed(s.next, max(len(m.tags), len(m.columns), len(m.shapes)))
	s.columnOrder = zeroed(s.columnOrder, len(m.columns))
	for _, i := range g.rows {
		shape := rows[i].shape
		if s.next[shape] != 0 {
			continue
		}
		s.next[shape] = 1
		for _, c := range m.shapes[shape].columns {
			if s.columnOrder[c] == 0 {
				s.columnOrder[c] = 1
				g.columns = append(g.columns, c)
			}
		}
		g.sparse = g.sparse || shape != rows[g.rows[0]].shape
	}
	order.Sort(len(g.columns), func(i, j int) bool {
		x, y := &m.columns[g.columns[i]], &m.columns[g.columns[j]]
		return x.name < y.name || x.name == y.name && x.typ < y.typ
	}, func(i, j int) { g.columns[i], g.columns[j] = g.columns[j], g.columns[i] })
}

func zeroed(s []int32, n int) []int32 {
	if cap(s) < n {
		return make([]int32, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// countValues counts tag and field values, and the bytes of all names and
// strings, as a decoder does.
func (e *Encoder) countValues(rows []row) (values, text int) {
	for _, r := range rows {
		values += len(e.series[r.series].keys) + len(e.measurements[r.measurement].shapes[r.shape].columns)
		text += int(r.text)
		if text > MaxText {
			break // before it is too large for 32 bits
		}
	}
	return values, text
}

// timeUnit returns the exponent of the largest power of ten of nanoseconds in
// which all times are whole.
func timeUnit(rows []row) int {
	unit := maxUnit
	for _, r := range rows {
		if r.time < math.MinInt64+epoch {
			return 0
		}
		t := r.time - epoch
		for unit > 0 && t%unitNanos[unit] != 0 {
			unit--
		}
	}
	return unit
}

var unitNanos = [maxUnit + 1]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11}

// timeIn returns the time since epoch in units; it wraps where the unit is one
// nanosecond.
func timeIn(t int64, unit int) uint64 {
	return uint64((t - epoch) / unitNanos[unit]) // two's complement is meant
}

func (e *Encoder) appendSchema(dst []byte, g *group) []byte {
	m := g.measurement
	dst = appendText0(dst, m.name)
	for _, t := range g.tags {
		dst = appendText0(dst, m.tags[t])
	}
	dst = append(dst, textEnd)
	for _, c := range g.columns {
		dst = appendText0(dst, m.columns[c].name)
	}
	dst = append(dst, textEnd)

	var flags byte
	if g.sparseTags {
		flags |= sparseTags
	}
	if g.sparse {
		flags |= sparseColumns
	}
	if g.plainTags {
		flags |= plainTags
	}
	if g.quotients {
		flags |= quotients
	}
	dst = append(dst, flags)
	return append(dst, g.kinds...)
}

// anyNumbered tells whether the only series has a tag worth writing as a number.
func (e *Encoder) anyNumbered(g *group) bool {
	for _, v := range e.series[e.scratch.series[g.series[0]]].values {
		if e.chooseStrings([]string{v}) != stringsPlain {
			return true
		}
	}
	return false
}

// appendTags appends the tag columns of a group: presence where it is sparse,
// the codings where they are not all plain, then the columns.
func (e *Encoder) appendTags(dst []byte, g *group) []byte {
	s := &e.scratch
	if g.sparseTags {
		s.columnOrder = zeroed(s.columnOrder, len(g.measurement.tags))
		for i, t := range g.tags {
			s.columnOrder[t] = int32(i) // bounded by MaxValues
		}
		p := newPresence(len(g.tags))
		for _, l := range g.series {
			p.begin()
			for _, k := range e.series[s.series[l]].keys {
				p.set(int(s.columnOrder[k]))
			}
			p.end()
		}
		dst = p.append(dst, s, nil, 0)
	}
	at := len(dst)
	if !g.plainTags {
		dst = append(dst, make([]byte, len(g.tags))...)
	}
	// Tags and the keys of every series are in the same order.
	s.next = zeroed(s.next, len(g.series))
	for i, t := range g.tags {
		s.texts = s.texts[:0]
		for j, l := range g.series {
			sr := &e.series[s.series[l]]
			if k := int(s.next[j]); k < len(sr.keys) && sr.keys[k] == t {
				s.texts = append(s.texts, sr.values[k])
				s.next[j]++
			}
		}
		coding := stringsPlain
		if !g.plainTags {
			coding = e.chooseStrings(s.texts)
			dst[at+i] = byte(coding)
		}
		dst = e.appendStrings(dst, coding, s.texts, nil, 0)
	}
	return dst
}

// appendSeriesColumn appends which series every row is of: 0 for the expected
// one, otherwise the series' index + 1. Expected is the series that followed
// the last time, or else the first that has not been seen.
func (s *scratch) appendSeriesColumn(dst []byte) []byte {
	s.next = zeroed(s.next, len(s.series)+1)
	s.codes = s.codes[:0]
	order := followers{next: s.next}
	for _, r := range s.rowSeries {
		code := uint64(0)
		if order.expected() != r {
			code = uint64(r) + 1 // not negative
		}
		order.add(r)
		s.codes = append(s.codes, code)
	}
	return s.appendIntColumn(dst, s.codes, nil, 0)
}

// followers remembers which series came after which.
type followers struct {
	next   []int32 // by series + 1: the series that came after it, + 1; entry 0 is the start
	before int32   // the row before's series + 1, 0 at the start
	unseen int32   // the first series that no row had
}

func (f *followers) expected() int32 {
	if n := f.next[f.before]; n != 0 {
		return n - 1
	}
	return f.unseen
}

func (f *followers) add(series int32) {
	f.next[f.before] = series + 1
	f.before = series + 1
	if series == f.unseen {
		f.unseen++
	}
}

// encodeColumns fills the group's kinds and data.
func (e *Encoder) encodeColumns(g *group, rows []row) {
	s := &e.scratch
	m := g.measurement
	nseries := len(s.series)
	if g.sparse {
		s.columnOrder = zeroed(s.columnOrder, len(m.columns))
		for i, c := range g.columns {
			s.columnOrder[c] = int32(i) // bounded by MaxValues
		}
		p := newPresence(len(g.columns))
		series := make([]int32, 0, len(g.rows))
		for _, i := range g.rows {
			p.begin()
			for _, c := range m.shapes[rows[i].shape].columns {
				p.set(int(s.columnOrder[c]))
			}
			p.end()
			series = append(series, s.rowSeries[i])
		}
		g.data = p.append(g.data, s, series, nseries)
	}

	// Gather the values column by column. Where every row has every column, the
	// columns share their rows' series and one piece of memory.
	values := make([][]uint64, len(m.columns))
	series := make([][]int32, len(m.columns))
	var common []int32
	if !g.sparse {
		n := len(g.rows)
		flat := make([]uint64, n*len(g.columns))
		common = make([]int32, 0, n)
		for _, i := range g.rows {
			common = append(common, s.rowSeries[i])
		}
		for _, c := range g.columns {
			values[c], flat = flat[:0:n], flat[n:]
			series[c] = common
		}
	}
	for _, i := range g.rows {
		r := rows[i]
		for j, c := range m.shapes[r.shape].columns {
			values[c] = append(values[c], e.values[int(r.values)+j])
			if g.sparse {
				series[c] = append(series[c], s.rowSeries[i])
			}
		}
	}
	var done map[int32]written
	if !g.sparse {
		done = e.specialColumns(g, values, common, nseries)
	}
	for _, c := range g.columns {
		if w, ok := done[c]; ok {
			g.data = append(g.data, w.data...)
			g.kinds = append(g.kinds, byte(w.kind))
			continue
		}
		var kind int
		kind, g.data = e.appendColumn(g.data, m.columns[c].typ, values[c], series[c], nseries)
		g.kinds = append(g.kinds, byte(kind)) // below kinds
	}
}

// shortExponent is up to which exponent a column of decimals is surely the best.
const shortExponent = 5

// written is a column that has been written out of turn.
type written struct {
	kind int
	data []byte
}

// specialColumns finds the float columns of a group that are shares of others
// or quotients, and appends the denominators of the latter to the group's data.
func (e *Encoder) specialColumns(g *group, values [][]uint64, series []int32, nseries int) map[int32]written {
	m := g.measurement
	// Only what is no short decimal number can gain.
	var candidates []int32
	for _, c := range g.columns {
		if m.columns[c].typ != typeFloat {
			continue
		}
		if d, ok := chooseDecimal(values[c]); !ok || d.exponent > shortExponent {
			candidates = append(candidates, c)
		}
	}
	if len(candidates) == 0 {
		return nil
	}
	columns := make([]column, len(g.columns))
	others := make([][]uint64, len(g.columns))
	for i, c := range g.columns {
		columns[i] = m.columns[c]
		if t := columns[i].typ; t == typeInt || t == typeUint {
			others[i] = values[c]
		}
	}
	found := map[int32]written{}
	var rest []int32
	var restValues [][]uint64
	for _, c := range candidates {
		if sh, a, b, ok := findShare(values[c], columns, others); ok {
			data := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(a)), uint64(b))
			found[c] = written{kindShare + int(sh), data}
			continue
		}
		rest = append(rest, c)
		restValues = append(restValues, values[c])
	}
	if len(rest) == 0 {
		return found
	}
	e.quotientColumns(g, rest, restValues, series, nseries, found)
	return found
}

// quotientColumns adds the columns as quotients, where they are smaller so and
// together are clearly smaller, or else as floats that are written by themselves.
func (e *Encoder) quotientColumns(g *group, columns []int32, values [][]uint64, series []int32, nseries int, found map[int32]written) {
	s := &e.scratch
	denominators, numerators := chooseQuotients(values, len(g.rows))
	if denominators == nil {
		return
	}
	before := s.appendIntColumn(nil, denominators, series, nseries)
	asQuotients, asOthers := len(before), 0
	smaller := map[int32]written{}
	for i, c := range columns {
		differences := make([]uint64, len(g.rows))
		for r, v := range values[i] {
			differences[r] = v - quotient(numerators[i][r], denominators[r])
		}
		column := s.appendIntColumn(nil, numerators[i], series, nseries)
		column = s.appendIntColumn(column, differences, series, nseries)
		kind, other := s.appendFloats(nil, values[i], series, nseries)
		found[c] = written{kind, other}
		if len(column) < len(other) {
			asQuotients += len(column)
			asOthers += len(other)
			smaller[c] = written{kindQuotient, column}
		}
	}
	// Floats that are written by themselves compress a little better than these.
	if asQuotients*4 >= asOthers*3 {
		return
	}
	g.quotients = true
	g.data = append(g.data, before...)
	maps.Copy(found, smaller)
}

// appendColumn appends the data of a field column and returns its kind.
func (e *Encoder) appendColumn(dst []byte, typ fieldType, values []uint64, series []int32, nseries int) (int, []byte) {
	s := &e.scratch
	h := &s.history
	switch typ {
	case typeInt, typeUint:
		coding, shift := h.chooseInts(values, series, nseries)
		kind := kindInt
		if typ == typeUint {
			kind = kindUint
		}
		return kind + int(coding), h.appendInts(dst, coding, shift, values, series, nseries)
	case typeFloat:
		return s.appendFloats(dst, values, series, nseries)
	case typeBool:
		return h.appendBools(dst, values, series, nseries)
	default:
		texts := s.texts[:0]
		for _, v := range values {
			texts = append(texts, e.texts[v])
		}
		s.texts = texts
		coding := e.chooseStrings(texts)
		return kindString + int(coding), e.appendStrings(dst, coding, texts, series, nseries)
	}
}

// appendFloats appends a column of floats as decimals or raw. What a device
// computes with 32 bits is exact as a decimal too, but shorter raw.
func (s *scratch) appendFloats(dst []byte, values []uint64, series []int32, nseries int) (int, []byte) {
	h := &s.history
	d, ok := chooseDecimal(values)
	if ok && d.exponent <= shortExponent {
		return s.appendDecimals(dst, d, values, series, nseries)
	}
	p := chooseRaw(h, values, series, nseries)
	raw := h.appendRaw(dst, p, values, series, nseries)
	if ok {
		if kind, decimals := s.appendDecimals(nil, d, values, series, nseries); len(decimals) < len(raw)-len(dst) {
			return kind, append(dst, decimals...)
		}
	}
	return kindRaw + int(p-predictZero), raw
}

func (s *scratch) appendDecimals(dst []byte, d decimal, values []uint64, series []int32, nseries int) (int, []byte) {
	h := &s.history
	numbers := s.numbers[:0]
	var in []int32
	for i, v := range values {
		m, ok := d.scale(v)
		if ok {
			numbers = append(numbers, m)
			if d.exception {
				in = append(in, series[i])
			}
		}
	}
	s.numbers = numbers
	if !d.exception {
		in = series
	}
	coding := h.choosePredictor(numbers, 0, in, nseries)
	p := coding.predictor()
	if d.exception {
		if p == predictNone {
			p = predictZero
		}
		dst = append(dst, d.param())
		return kindDecimalParam + int(p)*decimalPredictors, h.appendExceptions(dst, p, d, values, series, nseries)
	}
	kind := int(p) * decimalPredictors
	if coding&shortConstant != 0 {
		kind += decimalConstant
	}
	if d.exponent < plainExponents && !d.multiply {
		kind += kindDecimal + d.exponent*decimalCodings
	} else {
		kind += kindDecimalParam
		dst = append(dst, d.param())
	}
	return kind, h.appendInts(dst, coding, 0, numbers, series, nseries)
}

func (h *history) appendBools(dst []byte, values []uint64, series []int32, nseries int) (kind int, _ []byte) {
	trues, changes := 0, 0
	h.start(max(nseries, 1))
	for i, v := range values {
		trues += int(v) // 0 or 1
		changes += int(v ^ h.predict(predictSeries, series[i]))
		h.add(series[i], v)
	}
	switch {
	case trues == 0:
		return kindFalse, dst
	case trues == len(values):
		return kindTrue, dst
	}
	kind = kindBits
	if changes < min(trues, len(values)-trues) {
		kind = kindBitsSeries
	}
	h.start(max(nseries, 1))
	var b byte
	for i, v := range values {
		bit := v
		if kind == kindBitsSeries {
			bit ^= h.predict(predictSeries, series[i])
			h.add(series[i], v)
		}
		b |= byte(bit) << (i % 8)
		if i%8 == 7 || i == len(values)-1 {
			dst = append(dst, b)
			b = 0
		}
	}
	return kind, dst
}

// presence is which of a number of columns each row has: a column of indices
// into the distinct sets, then those sets as bits.
type presence struct {
	current  []byte
	sets     []byte
	distinct map[string]uint64
	indices  []uint64
}

func newPresence(columns int) *presence {
	return &presence{current: make([]byte, (columns+7)/8), distinct: map[string]uint64{}}
}

func (p *presence) begin()    { clear(p.current) }
func (p *presence) set(i int) { p.current[i/8] |= 1 << (i % 8) }

func (p *presence) end() {
	i, ok := p.distinct[string(p.current)]
	if !ok {
		i = uint64(len(p.distinct))
		p.distinct[string(p.current)] = i
		p.sets = append(p.sets, p.current...)
	}
	p.indices = append(p.indices, i)
}

func (p *presence) append(dst []byte, s *scratch, series []int32, nseries int) []byte {
	return append(s.appendIntColumn(dst, p.indices, series, nseries), p.sets...)
}
