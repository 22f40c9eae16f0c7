package payload

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strings"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/metric"
	"telegraf-hologram/internal/payload/dictionary"
)

// Decode returns the metrics of a payload in either text stage. Spaces, ends of
// lines and @ behind one in the text stage for SMS are passed over. Damaged or
// hostile text gives an error after bounded work: ErrNotCompact, ErrChecksum,
// ErrTooLarge, or one that says what is wrong where.
func Decode(text string) (Batch, error) {
	return decodeWith(text, dictionary.Version1())
}

func decodeWith(text string, dict []byte) (Batch, error) {
	if !IsCompact(text) {
		return Batch{}, ErrNotCompact
	}
	longest, toBytes := textLen(frameLen+MaxContent), appendBytes
	if text[0] == VersionSMS {
		longest, toBytes = smsTextLen(frameLen+MaxContent), appendSMSBytes
		text = trimSMS(text)
	}
	if len(text) > 1+longest {
		return Batch{}, fmt.Errorf("decoding a payload of %d characters: %w", len(text), ErrTooLarge)
	}
	data, err := toBytes(make([]byte, 0, len(text)*groupBytes/groupChars+1), text[1:])
	if err != nil {
		return Batch{}, fmt.Errorf("decoding payload text: %w", err)
	}
	f, err := parseFrame(data)
	if err != nil {
		return Batch{}, fmt.Errorf("decoding payload frame: %w", err)
	}
	content, err := decompress(f.method, f.body, dict)
	if err != nil {
		return Batch{}, fmt.Errorf("decoding payload body: %w", err)
	}
	if checksum(f.sequence, content) != f.checksum {
		return Batch{}, fmt.Errorf("decoding payload: %w", ErrChecksum)
	}
	d := decoder{data: content}
	metrics, err := d.metrics()
	if err != nil {
		return Batch{}, fmt.Errorf("decoding payload content at byte %d of %d: %w", d.at, len(content), err)
	}
	return Batch{Sequence: f.sequence, Checksum: f.checksum, Metrics: metrics}, nil
}

var errShort = errors.New("content ends early")

// decoder reads content. What it allocates is bounded by budgets, which are
// spent before memory is taken; no payload that an Encoder makes exceeds them.
type decoder struct {
	data    []byte
	at      int
	history history

	metricTags   []telegraf.Tag   // of the metric that is made
	metricFields []telegraf.Field // likewise

	names  budget // tag keys and columns of all measurements
	tagged budget // tag values of all series
	values budget // tag and field values of all metrics
	made   budget // bytes of strings that are made from a pattern
	text   budget // bytes of the names and strings of all metrics
}

// budget is what may still be used of something. It has 64 bits, as products of
// declared sizes do not fit 32.
type budget int64

func (b *budget) spend(n int64) error {
	if *b -= budget(n); *b < 0 {
		return ErrTooLarge
	}
	return nil
}

// decodedGroup is a measurement while it is decoded.
type decodedGroup struct {
	name    string
	tags    []string
	columns []string
	kinds   []byte
	flags   byte
	twins   bool // a name has columns of several types

	rows []int32 // indices of the metrics
}

// decodedSeries is a tag set while it is decoded.
type decodedSeries struct {
	group  int
	keys   []string
	values []string
	text   int64 // bytes of keys and values
}

func (d *decoder) metrics() ([]telegraf.Metric, error) {
	d.names, d.tagged, d.values = MaxValues, MaxValues, MaxValues
	d.made, d.text = MaxText, MaxText
	head, err := d.byte()
	if err != nil {
		return nil, err
	}
	unit := int(head & headUnit)
	if head&headReserved != 0 || unit > maxUnit {
		return nil, errCoding
	}
	n, err := d.count(MaxMetrics)
	if err != nil {
		return nil, err
	}
	groups := 1
	if head&headOne == 0 {
		if groups, err = d.count(n); err != nil {
			return nil, err
		}
	}
	if groups > len(d.data)-d.at {
		return nil, errShort
	}
	gs := make([]decodedGroup, groups)
	for i := range gs {
		if err := d.schema(&gs[i]); err != nil {
			return nil, err
		}
	}
	nseries := n
	if head&headSequence == 0 {
		if nseries, err = d.count(n); err != nil {
			return nil, err
		}
	}
	series, err := d.series(gs, nseries)
	if err != nil {
		return nil, err
	}
	rowSeries, err := d.rowSeries(n, nseries, head&headSequence != 0)
	if err != nil {
		return nil, err
	}
	times, err := d.intColumn(n, rowSeries, nseries)
	if err != nil {
		return nil, err
	}
	out := make([]telegraf.Metric, n)
	for i, s := range rowSeries {
		g := &gs[series[s].group]
		g.rows = append(g.rows, int32(i)) // at most MaxMetrics
	}
	for i := range gs {
		if err := d.group(&gs[i], series, rowSeries, times, unit, out); err != nil {
			return nil, err
		}
	}
	if d.at != len(d.data) {
		return nil, fmt.Errorf("%d bytes are left over", len(d.data)-d.at)
	}
	return out, nil
}

func (d *decoder) schema(g *decodedGroup) error {
	var err error
	if g.name, err = d.text0(); err != nil {
		return err
	}
	if g.tags, err = d.list(); err != nil {
		return err
	}
	if g.columns, err = d.list(); err != nil {
		return err
	}
	if g.flags, err = d.byte(); err != nil {
		return err
	}
	if g.name == "" || g.flags&flagsReserved != 0 || len(g.columns) == 0 {
		return errCoding
	}
	if g.kinds, err = d.bytes(len(g.columns)); err != nil {
		return err
	}
	for i := range len(g.tags) - 1 {
		if g.tags[i] >= g.tags[i+1] {
			return errOrder
		}
	}
	for i := range len(g.columns) - 1 {
		if g.columns[i] == g.columns[i+1] && typeOfKind(g.kinds[i]) < typeOfKind(g.kinds[i+1]) {
			g.twins = true
			continue
		}
		if g.columns[i] >= g.columns[i+1] {
			return errOrder
		}
	}
	return nil
}

var errOrder = errors.New("names are not in ascending order")

// typeOfKind returns the type of the values of a column; the kinds of a type
// are together, and the types in the order of their numbers.
func typeOfKind(kind byte) fieldType {
	switch k := int(kind); {
	case k < kindUint:
		return typeInt
	case k < kindDecimal:
		return typeUint
	case k < kindFalse:
		return typeFloat
	case k < kindString:
		return typeBool
	}
	return typeString
}

// series reads the series with their tags.
func (d *decoder) series(gs []decodedGroup, n int) ([]decodedSeries, error) {
	series := make([]decodedSeries, n)
	if len(gs) > 1 {
		of, count, err := d.indices(n, nil, 0)
		if err != nil {
			return nil, err
		}
		if count != len(gs) {
			return nil, errCoding
		}
		for i, g := range of {
			series[i].group = int(g) // below len(gs)
		}
	}
	// The members of every group, in order.
	members := make([][]int32, len(gs))
	for i := range series {
		g := series[i].group
		members[g] = append(members[g], int32(i)) // at most MaxMetrics
	}
	for g := range gs {
		if err := d.tags(&gs[g], members[g], series); err != nil {
			return nil, err
		}
	}
	return series, nil
}

func (d *decoder) tags(g *decodedGroup, members []int32, series []decodedSeries) error {
	has, err := d.presence(g.flags&sparseTags != 0, len(g.tags), len(members), nil, 0, &d.tagged)
	if err != nil {
		return err
	}
	var codings []byte
	if g.flags&plainTags == 0 {
		if codings, err = d.bytes(len(g.tags)); err != nil {
			return err
		}
	}
	for i, m := range members {
		s := &series[m]
		s.values = make([]string, 0, has.width(i))
		s.keys = g.tags
		if has.sparse {
			s.keys = make([]string, 0, has.width(i))
		}
	}
	for t, key := range g.tags {
		coding := stringsPlain
		if codings != nil {
			coding = stringCoding(codings[t])
		}
		count := has.count(t)
		values, err := d.strings(coding, count, nil, 0)
		if err != nil {
			return err
		}
		for i, v := range values {
			s := &series[members[has.row(t, i)]]
			if has.sparse {
				s.keys = append(s.keys, key)
			}
			s.values = append(s.values, v)
			s.text += int64(len(key) + len(v))
		}
	}
	return nil
}

// presenceSets tells which of a number of columns each of a number of rows has.
type presenceSets struct {
	sparse  bool // otherwise all rows have all
	rows    int
	columns int
	widths  []int32   // by row: number of columns
	members [][]int32 // by column: the rows that have it, ascending
}

func (p *presenceSets) width(row int) int {
	if !p.sparse {
		return p.columns
	}
	return int(p.widths[row])
}

func (p *presenceSets) count(column int) int {
	if !p.sparse {
		return p.rows
	}
	return len(p.members[column])
}

// row returns the i-th row that has the column.
func (p *presenceSets) row(column, i int) int32 {
	if !p.sparse {
		return int32(i) // at most MaxMetrics
	}
	return p.members[column][i]
}

// presence reads which of the columns each of n rows has, and spends as many
// values as that makes. Its work grows with the content and the values, not
// with rows times columns.
func (d *decoder) presence(sparse bool, columns, n int, series []int32, nseries int, values *budget) (presenceSets, error) {
	p := presenceSets{sparse: sparse, rows: n, columns: columns}
	if !sparse {
		return p, values.spend(int64(n) * int64(columns))
	}
	indices, count, err := d.indices(n, series, nseries)
	if err != nil {
		return p, err
	}
	size := (columns + 7) / 8
	if size > 0 && count > (len(d.data)-d.at)/size {
		return p, errShort
	}
	data, err := d.bytes(count * size)
	if err != nil {
		return p, err
	}
	// Every set is of some row, so that all sets together fit the budget as well.
	weights := make([]int32, count)
	for i := range weights {
		for _, b := range data[i*size : (i+1)*size] {
			weights[i] += int32(bits.OnesCount8(b)) // at most 8
		}
	}
	p.widths = make([]int32, n)
	total := int64(0)
	for i, x := range indices {
		p.widths[i] = weights[x]
		total += int64(weights[x])
	}
	if err := values.spend(total); err != nil {
		return p, err
	}
	sets := make([][]int32, count)
	for i := range sets {
		sets[i] = make([]int32, 0, weights[i])
		for at, b := range data[i*size : (i+1)*size] {
			for ; b != 0; b &= b - 1 {
				c := at*8 + bits.TrailingZeros8(b)
				if c >= columns {
					return p, errCoding
				}
				sets[i] = append(sets[i], int32(c)) // at most MaxValues
			}
		}
	}
	counts := make([]int32, columns)
	for _, x := range indices {
		for _, c := range sets[x] {
			counts[c]++
		}
	}
	flat := make([]int32, total)
	p.members = make([][]int32, columns)
	for c, count := range counts {
		if count == 0 {
			return p, errCoding
		}
		p.members[c], flat = flat[:0:count], flat[count:]
	}
	for i, x := range indices {
		for _, c := range sets[x] {
			p.members[c] = append(p.members[c], int32(i)) // at most MaxMetrics
		}
	}
	return p, nil
}

func bit(set []byte, i int) int { return int(set[i/8]>>(i%8)) & 1 }

// rowSeries reads which series every metric is of. Series are numbered as they
// appear, and all do.
func (d *decoder) rowSeries(n, nseries int, sequence bool) ([]int32, error) {
	series := make([]int32, n)
	if sequence {
		for i := range series {
			series[i] = int32(i) // at most MaxMetrics
		}
		return series, nil
	}
	codes, err := d.intColumn(n, nil, 0)
	if err != nil {
		return nil, err
	}
	order := followers{next: make([]int32, nseries+1)}
	for i, c := range codes {
		if c > uint64(nseries) {
			return nil, errCoding
		}
		s := int32(c) - 1 // at most MaxMetrics
		if c == 0 {
			s = order.expected()
		}
		if s > order.unseen || int(s) >= nseries {
			return nil, errCoding
		}
		order.add(s)
		series[i] = s
	}
	if int(order.unseen) != nseries {
		return nil, errCoding
	}
	return series, nil
}

// decodedField is a field of a metric while the columns are read.
type decodedField struct {
	column int32
	value  any
}

// group reads the columns of a measurement and makes its metrics.
func (d *decoder) group(g *decodedGroup, series []decodedSeries, rowSeries []int32, times []uint64, unit int, out []telegraf.Metric) error {
	n := len(g.rows)
	local := make([]int32, n)
	tags, text := int64(0), int64(n)*int64(len(g.name))
	for i, r := range g.rows {
		local[i] = rowSeries[r]
		s := &series[local[i]]
		tags += int64(len(s.keys))
		text += s.text
	}
	if err := d.values.spend(tags); err != nil {
		return err
	}
	has, err := d.presence(g.flags&sparseColumns != 0, len(g.columns), n, local, len(series), &d.values)
	if err != nil {
		return err
	}
	for c, name := range g.columns {
		text += int64(has.count(c)) * int64(len(name))
	}
	if err := d.text.spend(text); err != nil {
		return err
	}

	total := 0
	for i := range n {
		total += has.width(i)
	}
	flat := make([]decodedField, total)
	fields := make([][]decodedField, n)
	for i := range fields {
		w := has.width(i)
		if w == 0 {
			return errCoding
		}
		fields[i], flat = flat[:0:w], flat[w:]
	}
	of := specialColumns{rows: n}
	if g.flags&quotients != 0 {
		if has.sparse {
			return errCoding
		}
		if of.denominators, err = d.intColumn(n, local, len(series)); err != nil {
			return err
		}
	}
	in := local
	for c := range g.columns {
		if k := int(g.kinds[c]); k >= kindShare && k < kindFalse {
			if has.sparse {
				return errCoding
			}
			if err := d.special(&of, c, g.kinds, local, len(series), fields); err != nil {
				return err
			}
			continue
		}
		if has.sparse {
			in = make([]int32, has.count(c))
			for i := range in {
				in[i] = local[has.row(c, i)]
			}
		}
		err := d.column(g.kinds[c], in, len(series), func(i int, v any) {
			r := has.row(c, i)
			fields[r] = append(fields[r], decodedField{int32(c), v}) // at most MaxValues
		})
		if err != nil {
			return err
		}
	}
	if err := of.fillShares(fields); err != nil {
		return err
	}
	for i, r := range g.rows {
		if g.twins && !distinctNames(g.columns, fields[i]) {
			return errTwice
		}
		ns := times[r] * uint64(unitNanos[unit]) // positive
		t := time.Unix(0, int64(ns)+epoch)       // two's complement is meant
		out[r] = d.newMetric(g, &series[local[i]], fields[i], t)
	}
	return nil
}

// specialColumns are the columns of a group that are written by way of others.
type specialColumns struct {
	rows         int
	denominators []uint64 // nil where the group has none
	shares       []pendingShare
}

// pendingShare is a share of columns that may come after it.
type pendingShare struct {
	share        share
	column, a, b int
}

// special reads a column of shares, whose values are filled in when all columns
// are known, or of quotients. Its group is not sparse, so that every metric's
// fields are indexed by column.
func (d *decoder) special(of *specialColumns, c int, columns []byte, series []int32, nseries int, fields [][]decodedField) error {
	k := int(columns[c])
	switch {
	case k < kindQuotient:
		a, err := d.uvarint()
		if err != nil {
			return err
		}
		b, err := d.uvarint()
		if err != nil {
			return err
		}
		if a >= uint64(len(columns)) || b >= uint64(len(columns)) {
			return errCoding
		}
		if int(columns[a]) >= kindDecimal || int(columns[b]) >= kindDecimal {
			return errCoding // not an integer column
		}
		of.shares = append(of.shares, pendingShare{share(k - kindShare), c, int(a), int(b)})
		for i := range fields {
			fields[i] = append(fields[i], decodedField{column: int32(c)})
		}
		return nil
	case k == kindQuotient && of.denominators != nil:
		numerators, err := d.intColumn(of.rows, series, nseries)
		if err != nil {
			return err
		}
		differences, err := d.intColumn(of.rows, series, nseries)
		if err != nil {
			return err
		}
		for i := range fields {
			v := math.Float64frombits(quotient(numerators[i], of.denominators[i]) + differences[i])
			fields[i] = append(fields[i], decodedField{int32(c), v})
		}
		return nil
	}
	return errCoding
}

// fillShares computes the values of shares.
func (of *specialColumns) fillShares(fields [][]decodedField) error {
	for _, p := range of.shares {
		for _, f := range fields {
			v := math.Float64frombits(p.share.value(number(f[p.a].value), number(f[p.b].value)))
			if math.IsNaN(v) {
				return errCoding // its bits would depend on the platform
			}
			f[p.column].value = v
		}
	}
	return nil
}

// number returns the value of an integer field as a float.
func number(v any) float64 {
	if u, ok := v.(uint64); ok {
		return float64(u)
	}
	i, _ := v.(int64)
	return float64(i)
}

var errTwice = errors.New("a metric has a field twice")

// distinctNames tells whether fields in order of their columns differ in name.
func distinctNames(columns []string, fields []decodedField) bool {
	for i := range len(fields) - 1 {
		if columns[fields[i].column] == columns[fields[i+1].column] {
			return false
		}
	}
	return true
}

// newMetric makes a metric with the tags of its series and its fields, both of
// which come in ascending order.
func (d *decoder) newMetric(g *decodedGroup, s *decodedSeries, fields []decodedField, t time.Time) telegraf.Metric {
	tags, values := d.metricTags[:0], d.metricFields[:0]
	for i, k := range s.keys {
		tags = append(tags, telegraf.Tag{Key: k, Value: s.values[i]})
	}
	for _, f := range fields {
		values = append(values, telegraf.Field{Key: g.columns[f.column], Value: f.value})
	}
	d.metricTags, d.metricFields = tags, values
	return metric.New(g.name, tags, values, t)
}

// column reads a field column with a row for each entry of series and calls set
// for each row.
func (d *decoder) column(kind byte, series []int32, nseries int, set func(int, any)) error {
	n := len(series)
	k := int(kind)
	switch {
	case k < kindUint:
		values, err := d.ints(intCoding(kind), n, series, nseries)
		for i, v := range values {
			set(i, int64(v)) // two's complement is meant
		}
		return err
	case k < kindDecimal:
		values, err := d.ints(intCoding(k-kindUint), n, series, nseries)
		for i, v := range values {
			set(i, v)
		}
		return err
	case k < kindFalse:
		values, err := d.floats(k, n, series, nseries)
		for i, v := range values {
			set(i, math.Float64frombits(v))
		}
		return err
	case k < kindString:
		return d.bools(k, n, series, nseries, set)
	case k < kinds:
		values, err := d.strings(stringCoding(k-kindString), n, series, nseries)
		if err != nil {
			return err
		}
		size := int64(0)
		for i, v := range values {
			set(i, v)
			size += int64(len(v))
		}
		return d.text.spend(size)
	}
	return errCoding
}

func (d *decoder) floats(kind, n int, series []int32, nseries int) ([]uint64, error) {
	if kind >= kindRaw {
		return d.raw(predictZero+predictor(kind-kindRaw), n, series, nseries) // below 3
	}
	var dec decimal
	coding := kind - kindDecimal
	if kind >= kindDecimalParam {
		param, err := d.byte()
		if err != nil {
			return nil, err
		}
		var ok bool
		if dec, ok = decimalOf(param); !ok {
			return nil, errCoding
		}
		coding = kind - kindDecimalParam
	} else {
		dec.exponent = coding / decimalCodings
		coding %= decimalCodings
	}
	p := predictor(coding / decimalPredictors) // below predictors
	if dec.exception {
		if p == predictNone || coding&decimalConstant != 0 {
			return nil, errCoding
		}
		return d.exceptions(p, dec, n, series, nseries)
	}
	c := intCoding(p) * 4
	if coding&decimalConstant != 0 {
		c |= shortConstant
	}
	values, err := d.ints(c, n, series, nseries)
	for i, m := range values {
		values[i] = dec.value(m)
	}
	return values, err
}

func (d *decoder) bools(kind, n int, series []int32, nseries int, set func(int, any)) error {
	if kind <= kindTrue {
		for i := range n {
			set(i, kind == kindTrue)
		}
		return nil
	}
	data, err := d.bytes((n + 7) / 8)
	if err != nil {
		return err
	}
	h := &d.history
	h.start(max(nseries, 1))
	for i := range n {
		v := uint64(bit(data, i)) // 0 or 1
		if kind == kindBitsSeries {
			v ^= h.predict(predictSeries, series[i])
			h.add(series[i], v)
		}
		set(i, v == 1)
	}
	return nil
}

// byte, bytes, uvarint, fixed64, count and text0 read the basic elements.

func (d *decoder) byte() (byte, error) {
	if d.at >= len(d.data) {
		return 0, errShort
	}
	d.at++
	return d.data[d.at-1], nil
}

func (d *decoder) bytes(n int) ([]byte, error) {
	if n < 0 || n > len(d.data)-d.at {
		return nil, errShort
	}
	d.at += n
	return d.data[d.at-n : d.at], nil
}

func (d *decoder) fixed64() (uint64, error) {
	b, err := d.bytes(8)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

func (d *decoder) uvarint() (uint64, error) {
	v, n := binary.Uvarint(d.data[d.at:])
	if n == 0 {
		return 0, errShort
	}
	if n < 0 {
		return 0, errors.New("number is larger than 64 bits")
	}
	d.at += n
	return v, nil
}

// count reads a number from 1 to limit.
func (d *decoder) count(limit int) (int, error) {
	v, err := d.uvarint()
	if err != nil {
		return 0, err
	}
	if v == 0 {
		return 0, errCoding
	}
	if v > uint64(limit) { // positive
		return 0, fmt.Errorf("%d where at most %d can be: %w", v, limit, ErrTooLarge)
	}
	return int(v), nil // at most limit
}

// textOrEnd reads a string, or the end of a list.
func (d *decoder) textOrEnd() (s string, end bool, err error) {
	rest := d.data[d.at:]
	escaped := false
	for i, c := range rest {
		switch c {
		case textEscape:
			escaped = true
		case textEnd:
			d.at += i + 1
			if i == 0 {
				return "", true, nil
			}
			if !escaped {
				return string(rest[:i]), false, nil
			}
			s, err = unescape(rest[:i])
			return s, false, err
		}
	}
	return "", false, errShort
}

func (d *decoder) text0() (string, error) {
	s, end, err := d.textOrEnd()
	if end {
		return "", errCoding
	}
	return s, err
}

func (d *decoder) list() ([]string, error) {
	var list []string
	for {
		s, end, err := d.textOrEnd()
		if err != nil || end {
			return list, err
		}
		if err := d.names.spend(1); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
}

func unescape(b []byte) (string, error) {
	if len(b) == 2 && b[0] == textEscape && b[1] == escapedEmpty {
		return "", nil
	}
	var s strings.Builder
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == textEscape {
			if i++; i == len(b) {
				return "", errCoding
			}
			switch b[i] {
			case escapedZero:
				c = textEnd
			case escapedEscape:
				c = textEscape
			default:
				return "", errCoding
			}
		}
		s.WriteByte(c)
	}
	return s.String(), nil
}
