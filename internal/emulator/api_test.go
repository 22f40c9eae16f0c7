package emulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// startAPI runs a server with an API for the test.
func startAPI(t *testing.T, change func(*Config)) *Server {
	t.Helper()
	return start(t, func(c *Config) {
		c.API = APIConfig{Address: "127.0.0.1:0", Key: "s3cr3t"}
		if change != nil {
			change(c)
		}
	})
}

// get asks the API with the right key.
func get(t *testing.T, s *Server, path string) (*http.Response, string) {
	t.Helper()
	res, body, err := tryGet(t, s, "s3cr3t", path)
	require.NoError(t, err)
	return res, body
}

func tryGet(t *testing.T, s *Server, key, path string) (*http.Response, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.APIAddr().String()+path, nil)
	require.NoError(t, err)
	if key != "" {
		req.SetBasicAuth("apikey", key)
	}
	req.Close = true // so that no connection outlives the test
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return res, string(body), err
}

// apiPage asks for a page and returns it taken apart.
func apiPage(t *testing.T, s *Server, path string) (p apiAnswer) {
	t.Helper()
	res, body := get(t, s, path)
	require.Equal(t, http.StatusOK, res.StatusCode, body)
	dec := json.NewDecoder(strings.NewReader(body))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&p))
	require.True(t, p.Success)
	require.Len(t, p.Data, p.Size)
	return p
}

// payloads returns the data of the items, decoded.
func (p apiAnswer) payloads(t *testing.T) (list []string) {
	t.Helper()
	for _, item := range p.Data {
		var event struct{ Data string }
		require.NoError(t, json.Unmarshal([]byte(item.Data), &event))
		data, err := base64.StdEncoding.DecodeString(event.Data)
		require.NoError(t, err)
		list = append(list, string(data))
	}
	return list
}

func TestAPIAnswer(t *testing.T) {
	s := startAPI(t, nil)
	exchangeTaken(t, s, valid)
	exchangeTaken(t, s, validSMS)
	require.Equal(t, "[3,0]", ask(t, s, `{"k":"ABCDWXYz","d":"x"}`+"\n\n"))
	message, sms := s.Events()[0], s.Events()[1]
	inner := func(e Event, text string) string {
		text = strings.NewReplacer("RECEIVED", e.Received.UTC().Format("2006-01-02T15:04:05")+"+00:00", "RECORD", e.RecordID).Replace(text)
		quoted, err := json.Marshal(text)
		require.NoError(t, err)
		return string(quoted)
	}
	item := func(e Event, device int, data, tags string) string {
		logged := e.Received.UTC().Format("2006-01-02 15:04:05")
		expires := e.Received.UTC().AddDate(1, 0, 0).Format("2006-01-02 15:04:05")
		return fmt.Sprintf(`{"id":%d,"logged":%q,"expires":%q,"orgid":1,"deviceid":%d,"record_id":%q,"device_metadata":"{}","data":%s,"matched_rules":[],"tags":%s}`,
			e.Received.UnixMicro(), logged, expires, device, e.RecordID, data, tags)
	}
	messageItem := item(message, 1, inner(message, `{"record_id":"RECORD","received":"RECEIVED","authtype":"psk","tags":["cpu","mem","_DEVICE_1_","_SOCKETAPI_","_JSONSTRING_"],"device_id":1,"device_name":"device-1","errorcode":0,"source":"0001","timestamp":"0","data":"Y3B1IG1lbQ=="}`),
		`["cpu","mem","_DEVICE_1_","_SOCKETAPI_","_JSONSTRING_"]`)
	smsItem := item(sms, 2, inner(sms, `{"record_id":"RECORD","received":"RECEIVED","authtype":"psk","tags":["_DEVICE_2_","_SMSOVERIP_","_SMS_"],"device_id":2,"device_name":"device-2","errorcode":0,"source":"0002","timestamp":"0","data":"aGlnaCB3YXRlcg==","destination":"+15125550100","direction":"DO","type":"T","status":"delivered"}`),
		`["_DEVICE_2_","_SMSOVERIP_","_SMS_"]`)
	base := s.APIAddr().String()

	for _, path := range []string{"/api/1/csr/data", "/api/1/csr/rdm/", "/api/1/csr/rdm?withlocation=true&startafter=0"} {
		res, body := get(t, s, path)
		require.Equal(t, 200, res.StatusCode)
		require.Equal(t, "application/json", res.Header.Get("Content-Type"))
		require.Equal(t, fmt.Sprintf(`{"success":true,"limit":25,"size":2,"continues":false,"links":{"path":"/api/1/csr/rdm/","base":%q},"lastid":%d,"data":[%s,%s]}`+"\n",
			base, message.Received.UnixMicro(), smsItem, messageItem), body)
	}
	_, body := get(t, s, "/api/1/csr/data?limit=1&apikey=s3cr3t")
	last := sms.Received.UnixMicro()
	require.Equal(t, fmt.Sprintf(`{"success":true,"limit":1,"size":1,"continues":true,"links":{"path":"/api/1/csr/rdm/","base":%q,"next":"/api/1/csr/rdm/?limit=1&startafter=%d"},"lastid":%d,"data":[%s]}`+"\n",
		base, last, last, smsItem), body)
	_, body = get(t, s, "/api/1/csr/data?deviceid=3")
	require.Equal(t, fmt.Sprintf(`{"success":true,"limit":25,"size":0,"continues":false,"links":{"path":"/api/1/csr/rdm/","base":%q},"lastid":0,"data":[]}`+"\n", base), body)
}

func TestAPIFilters(t *testing.T) {
	s := startAPI(t, nil)
	noon := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	for i := range 10 {
		s.passOn(Event{
			Taken: true, Kind: KindMessage, RecordID: strconv.Itoa(i), DeviceID: i % 3, Data: strconv.Itoa(i),
			Topics: []string{"t" + strconv.Itoa(i%2), "_X_"}, Received: noon.Add(time.Duration(i)*time.Second + 999*time.Millisecond),
		})
	}
	for query, want := range map[string]string{
		"":                           "9876543210",
		"limit=3":                    "987",
		"deviceid=1":                 "741",
		"deviceids=1,2":              "875421",
		"deviceids=1&deviceids=2":    "875421",
		"deviceid=1&deviceids=2":     "875421",
		"topicname=t1":               "97531",
		"topicnames=t1,none":         "97531",
		"tagname=t0":                 "86420",
		"tagnames=_X_":               "9876543210",
		"topicname=t":                "",
		"topicname=t1&deviceid=0":    "93",
		"timestart=" + unix(noon, 8): "98",
		"timeend=" + unix(noon, 1):   "10",
		"timestart=" + unix(noon, 3) + "&timeend=" + unix(noon, 4): "43",
		"orgid=1":                        "9876543210",
		"orgids=7,1":                     "9876543210",
		"orgid=7":                        "",
		"error=true":                     "",
		"startafter=1":                   "",
		"startafter=9000000000000000000": "9876543210",
		"startafter=" + strconv.FormatInt(noon.Add(5*time.Second).UnixMicro(), 10): "43210",
		"limit=&deviceid=": "9876543210",
	} {
		require.Equal(t, want, strings.Join(apiPage(t, s, "/api/1/csr/data?"+query).payloads(t), ""), query)
	}
	require.Equal(t, maxPageSize, apiPage(t, s, "/api/1/csr/data?limit=99999").Limit)

	for query, want := range map[string]string{
		"limit=0":                     "limit is not a whole number from 1",
		"limit=x":                     "limit is not a whole number from 1",
		"startafter=-1":               "startafter is not a whole number from 0",
		"startafter=1e9":              "startafter is not a whole number from 0",
		"timestart=yesterday":         "timestart is not a whole number from 0",
		"timeend=9223372036854775808": "timeend is not a whole number from 0",
		"deviceid=x":                  "deviceid is not a whole number",
		"orgids=1,x":                  "orgid is not a whole number",
		"a=%zz":                       "malformed query",
	} {
		res, body := get(t, s, "/api/1/csr/data?"+query)
		require.Equal(t, http.StatusBadRequest, res.StatusCode, query)
		require.Contains(t, body, `{"success":false,"error":"`+want, query)
	}
}

func unix(t time.Time, seconds int) string { return strconv.FormatInt(t.Unix()+int64(seconds), 10) }

func TestAPIAuthorization(t *testing.T) {
	s := startAPI(t, nil)
	for _, key := range []string{"", "wrong", "s3cr3t ", strings.Repeat("x", 10_000)} {
		res, body, err := tryGet(t, s, key, "/api/1/csr/data?apikey=s3cr3t")
		require.NoError(t, err)
		require.Equal(t, http.StatusUnauthorized, res.StatusCode)
		require.Contains(t, res.Header.Get("WWW-Authenticate"), "Basic ")
		require.Contains(t, body, `{"success":false,"error":"`)
		require.NotContains(t, body, "s3cr3t")
	}
	a := startAPI(t, func(c *Config) { c.API.Key = "" })
	res, _, err := tryGet(t, a, "any", "/api/1/csr/data")
	require.NoError(t, err)
	require.Equal(t, 200, res.StatusCode)
	res, _, err = tryGet(t, a, "", "/api/1/csr/data")
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, res.StatusCode)
}

func TestAPIOtherRequests(t *testing.T) {
	s := startAPI(t, nil)
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/", http.StatusNotFound},
		{http.MethodGet, "/api/1/devices", http.StatusNotFound},
		{http.MethodGet, "/api/1/csr/data/5", http.StatusNotFound},
		{http.MethodPost, "/api/1/csr/rdm", http.StatusMethodNotAllowed},
		{http.MethodHead, "/api/1/csr/rdm", http.StatusOK},
	} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, c.path, nil)
		r.SetBasicAuth("apikey", "s3cr3t")
		w := httptest.NewRecorder()
		s.api.ServeHTTP(w, r)
		require.Equal(t, c.want, w.Code, c)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/1/csr/data", nil)
	r.SetBasicAuth("admin", "s3cr3t")
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	require.Equal(t, http.StatusUnauthorized, w.Code)
}

func TestAPIFaults(t *testing.T) {
	s := startAPI(t, nil)
	exchangeTaken(t, s, valid)
	fail := func(text string) {
		f, err := ParseAPIFaults(text)
		require.NoError(t, err)
		require.Equal(t, text, f.String())
		s.SetAPIFaults(f)
	}

	fail("429:1,429=1.5s:1,503:1,ok:1,502")
	for i, want := range []int{429, 429, 503, 200, 502, 502} {
		res, body := get(t, s, "/api/1/csr/data")
		require.Equal(t, want, res.StatusCode)
		require.Equal(t, map[int]string{1: "2"}[i], res.Header.Get("Retry-After"))
		if want == 429 {
			require.JSONEq(t, `{"success":false,"error":"API rate limit exceeded"}`, body)
		}
	}

	fail("late=300ms:1")
	begin := time.Now()
	require.Equal(t, 1, apiPage(t, s, "/api/1/csr/data").Size)
	require.GreaterOrEqual(t, time.Since(begin), 300*time.Millisecond)

	fail("truncate:1")
	res, body, err := tryGet(t, s, "s3cr3t", "/api/1/csr/data")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, 200, res.StatusCode)
	require.True(t, strings.HasPrefix(body, `{"success":true`))

	fail("reset:1")
	_, _, err = tryGet(t, s, "s3cr3t", "/api/1/csr/data")
	require.True(t, isReset(err), "%v", err)

	fail("junk:1")
	res, body = get(t, s, "/api/1/csr/data")
	require.Equal(t, 200, res.StatusCode)
	require.True(t, strings.HasPrefix(body, "<!DOCTYPE html>"))
	require.Equal(t, 1, apiPage(t, s, "/api/1/csr/data").Size)

	// A late answer does not hold up the end.
	fail("late=1h0m0s")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.APIAddr().String(), nil)
	require.NoError(t, err)
	req.Close = true
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
		}
	}()
	time.Sleep(50 * time.Millisecond)
	begin = time.Now()
	require.NoError(t, s.Close())
	require.Less(t, time.Since(begin), apiShutdownGrace, "the delay has ended, not the grace")
	<-ended

	for text, want := range map[string]string{
		"404":             `unknown failure mode "404", want one of ok, 429, 500, 502, 503, 401, late, reset, truncate, junk`,
		"429,500":         "only one mode can stay for good",
		"reset=1s":        "takes no duration",
		"429:70%,503:40%": "more than 100",
	} {
		_, err := ParseAPIFaults(text)
		require.ErrorContains(t, err, want)
	}
}

// What became of the webhooks is in matched_rules.
func TestAPIMatchedRules(t *testing.T) {
	good := newHookServer(t, nil)
	s := startAPI(t, func(c *Config) {
		c.Webhooks = WebhookConfig{URLs: []string{good.URL}}
	})
	exchangeTaken(t, s, `{"k":"ABCDWXYZ","d":"first"}`+"\n\n")
	require.Eventually(t, func() bool { return s.Counters().Webhooks.Answered == 1 }, 5*time.Second, time.Millisecond)
	p := apiPage(t, s, "/api/1/csr/data")
	require.Equal(t, []matchedRule{{RuleID: 1, ResultData: "answered 200"}}, p.Data[0].MatchedRules)
	require.Empty(t, apiPage(t, s, "/api/1/csr/data?error=true").Data)

	failing := newHookServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	s = startAPI(t, func(c *Config) {
		f, err := ParseWebhookFaults("drop:1")
		require.NoError(t, err)
		c.Webhooks = WebhookConfig{URLs: []string{failing.URL, good.URL}, Faults: f}
	})
	exchangeTaken(t, s, `{"k":"ABCDWXYZ","d":"first"}`+"\n\n")
	exchangeTaken(t, s, `{"k":"ABCDWXYZ","d":"second"}`+"\n\n")
	require.Eventually(t, func() bool { c := s.Counters().Webhooks; return c.Answered+c.Failed == 2 }, 5*time.Second, time.Millisecond)
	p = apiPage(t, s, "/api/1/csr/data?error=true")
	require.Equal(t, []string{"second", "first"}, p.payloads(t))
	require.ElementsMatch(t, []matchedRule{{1, true, "answered 502 Bad Gateway"}, {2, false, "answered 200"}}, p.Data[0].MatchedRules)
	require.ElementsMatch(t, []matchedRule{{1, true, "dropped on purpose"}, {2, true, "dropped on purpose"}}, p.Data[1].MatchedRules)
}

func TestDataLogIsBounded(t *testing.T) {
	s := startAPI(t, func(c *Config) { c.API.MaxItems = 3 })
	for i := range 5 {
		s.passOn(Event{Taken: true, RecordID: "x", Data: strconv.Itoa(i), Received: time.Unix(int64(i), 0)})
	}
	require.Equal(t, []string{"4", "3", "2"}, apiPage(t, s, "/api/1/csr/data").payloads(t))

	// By the bytes of its pages, and in all.
	s = startAPI(t, nil)
	big := strings.Repeat("x", maxPageBytes/2)
	for i := range 20 {
		s.passOn(Event{Taken: true, RecordID: strconv.Itoa(i), Data: big, Received: time.Unix(int64(i), 0)})
	}
	require.LessOrEqual(t, s.api.log.bytes, maxDataLogBytes)
	require.Less(t, len(s.api.log.records), 20)
	p := apiPage(t, s, "/api/1/csr/data?limit=2")
	require.Equal(t, 1, p.Size, "two would be too much for a page")
	require.True(t, p.Continues)
	require.Equal(t, "18", apiPage(t, s, strings.ReplaceAll(p.Links.Next, "/csr/rdm/", "/csr/data/")).Data[0].RecordID)
}

// Following links.next brings every record that matches once, whatever comes in
// the meantime.
func TestDataLogPaging(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &dataLog{max: math.MaxInt}
		add := func() {
			l.add(Event{
				RecordID: newUUID(), DeviceID: rapid.IntRange(1, 2).Draw(t, "device"),
				// Times may be the same, or go backwards.
				Received: time.Unix(1_800_000_000, 1000*rapid.Int64Range(0, 20).Draw(t, "time")),
			})
		}
		for range rapid.IntRange(0, 40).Draw(t, "records") {
			add()
		}
		wanted := make(map[string]bool)
		for _, r := range l.records {
			if r.device == 1 {
				wanted[r.recordID] = true
			}
		}
		q := dataLogQuery{limit: rapid.IntRange(1, 7).Draw(t, "limit"), to: math.MaxInt64, devices: map[int]bool{1: true}}
		before := int64(math.MaxInt64)
		for more := true; more; {
			var found []record
			found, more = l.find(q, math.MaxInt)
			for _, r := range found {
				require.Less(t, r.id, before)
				before = r.id
				require.True(t, wanted[r.recordID], "not twice, and no other's")
				delete(wanted, r.recordID)
			}
			if q.before == 0 && len(found) == 0 {
				break
			}
			q.before = before
			add()
		}
		require.Empty(t, wanted)
	})
}

// A log that is read again brings the same items with the same IDs, in both
// shapes, without what was not taken and what is no event.
func TestLoadLog(t *testing.T) {
	for _, flat := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "log")
		log, err := OpenLog(path, flat)
		require.NoError(t, err)
		s := startAPI(t, func(c *Config) {
			c.Faults = faults(t, "ok:3,code-6:1,ok")
			c.OnEvent = func(e Event) { _ = log.Write(e) } // as with -log-all
		})
		exchangeTaken(t, s, valid)
		exchangeTaken(t, s, validSMS)
		require.Equal(t, "[3,0]", ask(t, s, `{"k":"ABCDWXYz","d":"x"}`+"\n\n"))
		require.Equal(t, "[6,0]", ask(t, s, valid))
		exchangeTaken(t, s, validJSONData)
		want := apiPage(t, s, "/api/1/csr/data")
		require.Equal(t, 3, want.Size)
		require.NoError(t, s.Close())
		require.NoError(t, log.Close())

		text, err := os.ReadFile(path)
		require.NoError(t, err)
		again := startAPI(t, nil)
		loaded, skipped, err := again.LoadLog(io.MultiReader(
			strings.NewReader("\n{}\n{\"received\":\"yesterday\"}\nnothing\n"), bytes.NewReader(text), strings.NewReader(`{"record_id":"torn`)))
		require.NoError(t, err)
		require.Equal(t, 3, loaded)
		require.Equal(t, 5, skipped)
		got := apiPage(t, again, "/api/1/csr/data")
		require.Equal(t, want.Data, got.Data)
		exchangeTaken(t, again, valid)
		require.Equal(t, got.Data, apiPage(t, again, "/api/1/csr/data").Data[1:], "what comes is newer")
	}
	s, err := New(Config{})
	require.NoError(t, err)
	_, _, err = s.LoadLog(strings.NewReader(""))
	require.ErrorContains(t, err, "there is no API")
}

func FuzzParseLogLine(f *testing.F) {
	for _, e := range []Event{
		{Taken: true, Kind: KindMessage, RecordID: "r", DeviceID: 1, DeviceName: "d", Data: "x", Topics: []string{"a", "_B_"}, Received: time.Unix(1_800_000_000, 5000)},
		{Taken: true, Kind: KindSMS, RecordID: "r", DeviceID: 1, DeviceName: "d", Data: "x", To: "+1", Received: time.Unix(0, 0)},
	} {
		line, err := e.MarshalJSON()
		require.NoError(f, err)
		f.Add(line)
		line, err = e.MarshalFlatJSON()
		require.NoError(f, err)
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := parseLogLine(line)
		if err != nil || !e.Taken {
			return
		}
		// What was read is written, and read as the same.
		again, err := e.MarshalFlatJSON()
		require.NoError(t, err)
		e2, err := parseLogLine(again)
		require.NoError(t, err)
		require.Equal(t, e.logged(), e2.logged())
		l := &dataLog{max: 1}
		require.Positive(t, l.add(e))
	})
}

func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{"", "limit=5&startafter=7", "deviceids=1,2&topicname=a%2Cb", "orgid=1&error=true", "timestart=1&timeend=2", "limit=-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		values, err := url.ParseQuery(s)
		if err != nil {
			return
		}
		q, none, err := parseQuery(values)
		if err != nil {
			return
		}
		require.True(t, q.limit >= 1 && q.limit <= maxPageSize)
		// The link to the next page asks the same, from there on.
		next, err := url.Parse(nextPage(values, 5))
		require.NoError(t, err)
		q2, none2, err := parseQuery(next.Query())
		require.NoError(t, err)
		q.before = 5
		require.Equal(t, q, q2)
		require.Equal(t, none, none2)
	})
}

func TestAPIConfig(t *testing.T) {
	for _, c := range []struct {
		cfg  APIConfig
		want string
	}{
		{APIConfig{Key: "s3cr3t"}, "there is no API"},
		{APIConfig{Address: "0.0.0.0:1"}, "API: address \"0.0.0.0:1\" is not on the loopback interface"},
		{APIConfig{Address: "nowhere"}, "API: address \"nowhere\" is not host:port"},
		{APIConfig{Address: "127.0.0.1:0", MaxItems: -1}, "maximum of -1 items"},
	} {
		_, err := New(Config{API: c.cfg})
		require.ErrorContains(t, err, c.want)
		require.NotContains(t, err.Error(), "s3cr3t")
	}
	_, err := New(Config{AllowRemote: true, API: APIConfig{Address: ":1"}})
	require.NoError(t, err)

	// An address that is taken is an error of Start, which leaves nothing behind.
	taken := startAPI(t, nil)
	_, err = Start(t.Context(), Config{API: APIConfig{Address: taken.APIAddr().String()}})
	require.ErrorContains(t, err, "API: cannot listen on")
}
