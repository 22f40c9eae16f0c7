package hologram

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"strings"

	"telegraf-hologram/internal/event"
)

// template says where the messages of a template of the user's own have what; the zero value is for the shapes of the
// cloud.
type template struct {
	data, deviceID, deviceName, received, tags, recordID path

	text bool // the data is as it was sent, and not base64
}

// newTemplate returns the template that the options describe. Init has checked them.
func (h *Hologram) newTemplate() *template {
	t := &template{text: h.JSONEncoding == encodingText}
	for i, p := range []*path{&t.data, &t.deviceID, &t.deviceName, &t.received, &t.tags, &t.recordID} {
		if text := h.templatePaths()[i].path; text != "" {
			*p, _ = parsePath(text)
		}
	}
	return t
}

var (
	errNoBody    = errors.New("the body is empty")
	errNoPayload = errors.New("the form has no payload")
	errNotJSON   = errors.New(`the body is no JSON; a template must have "<<data>>" for the data, not <<decdata>>, which is inserted as it is`)
	errNoData    = errors.New("the body has nothing at json_data")
)

// form is what the legacy webhook of the cloud sends.
type form struct {
	payload string
	key     string // the secret
}

// isForm tells whether a content type is that of a form.
func isForm(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && kind == "application/x-www-form-urlencoded"
}

// parseForm reads a form. Its error holds nothing of the body.
func parseForm(body []byte) (form, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return form{}, errors.New("the body is no form")
	}
	return form{payload: values.Get("payload"), key: values.Get("key")}, nil
}

// messages returns the messages of a body. Those that can be read are returned even if others of a list cannot.
func (t *template) messages(body []byte) ([]event.Message, error) {
	body = bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\xef\xbb\xbf"))
	switch {
	case len(body) == 0:
		return nil, errNoBody
	case t.data == nil && body[0] != '{' && body[0] != '[' || !json.Valid(body):
		return nil, errNotJSON
	case t.data == nil:
		return event.Messages(body)
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return nil, errNotJSON
	}
	m, err := t.message(value)
	if err != nil {
		return nil, err
	}
	return []event.Message{m}, nil
}

// message returns the message of a template.
func (t *template) message(value any) (event.Message, error) {
	m := event.Message{
		RecordID:   textOf(t.recordID.find(value)),
		DeviceID:   textOf(t.deviceID.find(value)),
		DeviceName: textOf(t.deviceName.find(value)),
	}
	m.Received, _ = event.ParseReceived(textOf(t.received.find(value)))
	switch tags := t.tags.find(value).(type) {
	case string:
		m.Topics = event.SplitTopics(tags)
	case []any:
		for _, tag := range tags {
			if s := textOf(tag); s != "" {
				m.Topics = append(m.Topics, s)
			}
		}
	}
	for _, topic := range m.Topics {
		m.SMS = m.SMS || strings.HasPrefix(topic, "_SMS")
	}
	switch data := t.data.find(value).(type) {
	case nil:
		return event.Message{}, errNoData
	case string:
		if t.text {
			m.Data = []byte(data)
			return m, nil
		}
		var err error
		m.Data, err = event.Base64("json_data", data)
		return m, err
	default:
		// A template with <<decdata>> where the data is JSON.
		if !t.text {
			return event.Message{}, fmt.Errorf(`what json_data finds is no text; with json_encoding = %q it may be JSON`, encodingText)
		}
		var err error
		m.Data, err = json.Marshal(data)
		return m, err
	}
}

// textOf returns a text or a number as text, and nothing for anything else.
func textOf(value any) string {
	switch v := value.(type) {
	case string:
		return strings.TrimSpace(v)
	case float64:
		b, _ := json.Marshal(v)
		return string(b)
	}
	return ""
}
