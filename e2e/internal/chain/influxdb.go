package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// Database is a database of a running InfluxDB 1.x.
type Database struct {
	// Address is the host and port of its HTTP server.
	Address string
	// Name is the name of the database.
	Name string
}

// Table is an answer to a query: the rows of one series.
type Table struct {
	Name    string            `json:"name"`
	Tags    map[string]string `json:"tags"`
	Columns []string          `json:"columns"`
	// Values are nil, bool, string and json.Number.
	Values [][]any `json:"values"`
}

// ours is how the names of measurements and tags begin that the receiver adds.
const ours = "hologram_"

// httpTimeout is how long InfluxDB may take for an answer.
const httpTimeout = 30 * time.Second

// Ping waits until InfluxDB answers.
func (d *Database) Ping(ctx context.Context) error {
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.Address+"/ping", nil)
		if err != nil {
			return fmt.Errorf("cannot ask InfluxDB: %w", err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err == nil {
			_ = answer.Body.Close()
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no answer from InfluxDB: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Query asks for something, with times in nanoseconds.
func (d *Database) Query(ctx context.Context, query string) ([]Table, error) {
	ctx, cancel := context.WithTimeout(ctx, httpTimeout)
	defer cancel()
	form := url.Values{"db": {d.Name}, "epoch": {"ns"}, "q": {query}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+d.Address+"/query", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("cannot ask InfluxDB: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("cannot ask InfluxDB: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	return readTables(answer.Body)
}

// readTables reads the answer to one query.
func readTables(r io.Reader) ([]Table, error) {
	var answer struct {
		Error   string `json:"error"`
		Results []struct {
			Error  string  `json:"error"`
			Series []Table `json:"series"`
		} `json:"results"`
	}
	decoder := json.NewDecoder(r)
	decoder.UseNumber()
	if err := decoder.Decode(&answer); err != nil {
		return nil, fmt.Errorf("cannot read the answer of InfluxDB: %w", err)
	}
	if len(answer.Results) != 1 {
		return nil, fmt.Errorf("the answer of InfluxDB has %d results: %s", len(answer.Results), answer.Error)
	}
	result := answer.Results[0]
	if text := answer.Error + result.Error; text != "" {
		return nil, errors.New("InfluxDB: " + text)
	}
	return result.Series, nil
}

// Points returns all points, without the measurements and tags that the receiver
// adds. Those that are not from a device are an error.
func (d *Database) Points(ctx context.Context) (Points, error) {
	all := make(Points)
	types, err := d.Query(ctx, "SHOW FIELD KEYS")
	if err != nil {
		return nil, err
	}
	for _, t := range types {
		if strings.HasPrefix(t.Name, ours) {
			continue
		}
		kinds, err := fieldTypes(t)
		if err != nil {
			return nil, err
		}
		tables, err := d.Query(ctx, "SELECT *::field FROM "+identifier(t.Name)+" GROUP BY *")
		if err != nil {
			return nil, err
		}
		for _, table := range tables {
			if err := all.addTable(table, kinds); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// fieldTypes reads the types of a measurement's fields.
func fieldTypes(t Table) (map[string]string, error) {
	kinds := make(map[string]string, len(t.Values))
	for _, row := range t.Values {
		if len(row) != 2 {
			return nil, fmt.Errorf("the fields of %q have %d columns", t.Name, len(row))
		}
		name, _ := row[0].(string)
		kind, _ := row[1].(string)
		if other, ok := kinds[name]; ok {
			return nil, fmt.Errorf("field %q of %q is %s and %s", name, t.Name, other, kind)
		}
		kinds[name] = kind
	}
	return kinds, nil
}

// addTable adds the points of a series.
func (p Points) addTable(t Table, kinds map[string]string) error {
	var tags []Tag
	device := false
	for key, value := range t.Tags {
		switch {
		case strings.HasPrefix(key, ours):
			device = device || value != ""
		case value != "": // a tag that other series have
			tags = append(tags, Tag{key, value})
		}
	}
	name, err := series(t.Name, tags)
	if err != nil {
		return err
	}
	if !device {
		return fmt.Errorf("%s has no device", name)
	}
	at := slices.Index(t.Columns, "time")
	if at < 0 {
		return fmt.Errorf("%s has no time", name)
	}
	for _, row := range t.Values {
		fields := make(Fields)
		for i, value := range row {
			if i == at || value == nil {
				continue
			}
			if fields[t.Columns[i]], err = fieldValue(value, kinds[t.Columns[i]]); err != nil {
				return fmt.Errorf("field %q of %s: %w", t.Columns[i], name, err)
			}
		}
		stamp, err := strconv.ParseInt(fmt.Sprint(row[at]), 10, 64)
		if err != nil {
			return fmt.Errorf("%s has a time that is no number: %w", name, err)
		}
		key := Key{name, stamp}
		if _, twice := p[key]; twice {
			return fmt.Errorf("%s at %d is there from two devices", name, stamp)
		}
		if err := p.Add(key, fields); err != nil {
			return err
		}
	}
	return nil
}

// fieldValue returns a value of the type that InfluxDB tells.
func fieldValue(value any, kind string) (lineprotocol.Value, error) {
	var v any
	var err error
	number, isNumber := value.(json.Number)
	switch {
	case kind == "integer" && isNumber:
		v, err = number.Int64()
	case kind == "unsigned" && isNumber:
		v, err = strconv.ParseUint(number.String(), 10, 64)
	case kind == "float" && isNumber:
		v, err = number.Float64()
	default:
		v = value
		_, isString := value.(string)
		_, isBool := value.(bool)
		if !(kind == "string" && isString || kind == "boolean" && isBool) {
			err = fmt.Errorf("%T is no value of the type %q", value, kind)
		}
	}
	if err != nil {
		return lineprotocol.Value{}, err
	}
	out, ok := lineprotocol.NewValue(v)
	if !ok {
		return out, fmt.Errorf("%v is no value of line protocol", v)
	}
	return out, nil
}

// identifier quotes a name for InfluxQL.
func identifier(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(name) + `"`
}

// Repeats returns how many messages the receiver has seen again, over all its
// restarts, as far as it has told.
func (d *Database) Repeats(ctx context.Context) (n int64, err error) {
	tables, err := d.Query(ctx, `SELECT "repeats" FROM "hologram_receiver"`)
	if err != nil || len(tables) == 0 {
		return 0, err
	}
	last := int64(0)
	for _, row := range tables[0].Values {
		number, ok := row[1].(json.Number)
		if !ok {
			return 0, errors.New("the receiver's repeats are no number")
		}
		now, err := number.Int64()
		if err != nil {
			return 0, fmt.Errorf("the receiver's repeats: %w", err)
		}
		if now < last { // it was started again
			last = 0
		}
		n += now - last
		last = now
	}
	return n, nil
}
