package build

import (
	"fmt"
	"maps"
	"slices"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// FromLineProtocol returns the measurements of a corpus in line protocol, each
// with all tag keys and field names that its lines have. Lines that are not
// line protocol are passed over.
func FromLineProtocol(data []byte) ([]Schema, error) {
	type keys struct{ tags, fields map[string]bool }
	all := map[string]*keys{}
	dec := lineprotocol.NewDecoderWithBytes(data)
	for dec.Next() {
		name, err := dec.Measurement()
		if err != nil {
			continue
		}
		k := keys{map[string]bool{}, map[string]bool{}}
		if err := readKeys(dec, k.tags, k.fields); err != nil {
			continue
		}
		if have := all[string(name)]; have != nil {
			maps.Copy(have.tags, k.tags)
			maps.Copy(have.fields, k.fields)
			continue
		}
		all[string(name)] = &k
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%d bytes without a line of line protocol", len(data))
	}
	var schemas []Schema
	for _, name := range slices.Sorted(maps.Keys(all)) {
		schemas = append(schemas, Schema{
			Name:   name,
			Tags:   slices.Sorted(maps.Keys(all[name].tags)),
			Fields: slices.Sorted(maps.Keys(all[name].fields)),
		})
	}
	return schemas, nil
}

func readKeys(dec *lineprotocol.Decoder, tags, fields map[string]bool) error {
	for {
		k, _, err := dec.NextTag()
		if err != nil {
			return err
		}
		if k == nil {
			break
		}
		tags[string(k)] = true
	}
	for {
		k, _, err := dec.NextField()
		if err != nil {
			return err
		}
		if k == nil {
			return nil
		}
		fields[string(k)] = true
	}
}
