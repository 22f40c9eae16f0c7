package emulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Shape is the form of a webhook's body. The documents have several, of different
// ages.
type Shape int

// The shapes.
const (
	// ShapeNew is the JSON of an event with the device as an object.
	ShapeNew Shape = iota
	// ShapeFlat is the older JSON, with device_id and device_name.
	ShapeFlat
	// ShapeForm is that of the older "Custom Webhook URL": a form with the flat
	// JSON as payload, and with userid, properties and, if there is one, key.
	ShapeForm
	// ShapeTemplate is a text of the user's, in which values take the place of
	// <<received>>, <<tags>>, <<device.id>>, <<device.name>>, <<data>> (base64),
	// <<decdata>> (as it was sent) and <<decdata.FIELD>> (of data that is a JSON
	// object; empty for other data), and of the older names <<device_id>> and
	// <<device_name>>. As in the cloud, nothing is escaped. It is sent without a
	// Content-Type, unless Header has one.
	ShapeTemplate
)

func shapeNames() []string { return []string{"new", "flat", "form", "template"} }

func (s Shape) String() string {
	if names := shapeNames(); s >= 0 && int(s) < len(names) {
		return names[s]
	}
	return "shape " + strconv.Itoa(int(s))
}

// ParseShape returns the shape with a name: new, flat, form or template.
func ParseShape(name string) (Shape, error) {
	for i, n := range shapeNames() {
		if n == name {
			return Shape(i), nil
		}
	}
	return 0, fmt.Errorf("unknown shape %q, want one of %s", name, strings.Join(shapeNames(), ", "))
}

// webhookUser is the user whom webhooks in the form belong to.
const webhookUser = 1

// bodyMaker makes the bodies of webhooks.
type bodyMaker struct {
	shape    Shape
	template template
	key      string
	recordID bool
}

func newBodyMaker(cfg WebhookConfig) (*bodyMaker, error) {
	b := &bodyMaker{shape: cfg.Shape, key: cfg.Key, recordID: cfg.RecordID}
	var err error
	switch cfg.Shape {
	case ShapeNew, ShapeFlat, ShapeForm:
	case ShapeTemplate:
		b.template, err = parseTemplate(cfg.Template)
	default:
		err = fmt.Errorf("%s of webhooks is unknown", cfg.Shape)
	}
	return b, err
}

// make returns the body of a webhook that goes to a URL.
func (b *bodyMaker) make(e Event, where string) (contentType, body string, err error) {
	switch b.shape {
	case ShapeTemplate:
		return "", b.template.expand(e.variable), nil
	case ShapeForm:
		payload, err := b.event(e, true)
		if err != nil {
			return "", "", err
		}
		properties, err := json.Marshal(map[string]any{"url": where, "user_id": webhookUser, "key": b.key})
		if err != nil {
			return "", "", err
		}
		form := url.Values{
			"payload":    {payload},
			"properties": {string(properties)},
			"userid":     {strconv.Itoa(webhookUser)},
		}
		if b.key != "" {
			form.Set("key", b.key)
		}
		return "application/x-www-form-urlencoded", form.Encode(), nil
	default:
		body, err := b.event(e, b.shape == ShapeFlat)
		return "application/json", body, err
	}
}

func (b *bodyMaker) event(e Event, flat bool) (string, error) {
	c := e.cloud(flat)
	if !b.recordID {
		c.RecordID = ""
	}
	text, err := json.Marshal(c)
	return string(text), err
}

// template is a text with variables: literal and variable parts in turn, the
// first literal.
type template []string

// parseTemplate takes a text apart. The errors do not show more of it than the
// name of a variable.
func parseTemplate(text string) (template, error) {
	var t template
	for {
		literal, rest, found := strings.Cut(text, "<<")
		t = append(t, literal)
		if !found {
			return t, nil
		}
		name, after, found := strings.Cut(rest, ">>")
		if !found {
			return nil, errors.New("template has a << without >>")
		}
		if !isVariable(name) {
			return nil, fmt.Errorf("template has the variable %q, which is none of received, tags, device.id, device.name, data, decdata, decdata.FIELD, device_id and device_name", clean(name, 40))
		}
		t = append(t, name)
		text = after
	}
}

func isVariable(name string) bool {
	switch name {
	case "received", "tags", "device.id", "device.name", "device_id", "device_name", "data", "decdata":
		return true
	}
	field, found := strings.CutPrefix(name, "decdata.")
	return found && field != ""
}

// expand puts the template together with the values of its variables.
func (t template) expand(value func(name string) string) string {
	var b strings.Builder
	for i, part := range t {
		if i%2 == 1 {
			part = value(part)
		}
		b.WriteString(part)
	}
	return b.String()
}

// variable returns the value of a template's variable.
func (e Event) variable(name string) string {
	switch name {
	case "received":
		return e.Received.UTC().Format(cloudTime)
	case "tags":
		tags, err := json.Marshal(e.cloud(false).Tags)
		if err != nil {
			return "[]" // strings can always be marshaled
		}
		return string(tags)
	case "device.id", "device_id":
		return strconv.Itoa(e.DeviceID)
	case "device.name", "device_name":
		return e.DeviceName
	case "data":
		return base64.StdEncoding.EncodeToString([]byte(e.Data))
	case "decdata":
		return e.Data
	}
	return dataField(e.Data, strings.TrimPrefix(name, "decdata."))
}

// dataField returns a member of data that is a JSON object, or of an object in
// it, by a name with dots. A string is returned as it is, null and what is not
// there as the empty string, all else as JSON.
func dataField(data, name string) string {
	raw := json.RawMessage(data)
	for part := range strings.SplitSeq(name, ".") {
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) != nil {
			return ""
		}
		raw = object[part]
	}
	var s string
	if bytes.Equal(raw, []byte("null")) || json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}
