package hologram

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/influxdata/telegraf"
)

// certificateCheck is how often the files of the certificate are looked at, at most.
const certificateCheck = time.Second

// certificate is a certificate in files that may be renewed while it is in use.
type certificate struct {
	certFile, keyFile string
	log               telegraf.Logger

	mu      sync.Mutex
	current *tls.Certificate
	checked time.Time
	version [2]time.Time // of the files that were read last, whether they could be used or not
}

// load reads the files if they have changed. If they cannot be used, what was read before stays.
func (c *certificate) load(now time.Time) error {
	var version [2]time.Time
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		version[i] = info.ModTime()
	}
	if c.current != nil && version == c.version {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		if c.current != nil && now.Sub(version[0]) < 10*time.Second {
			return nil // perhaps only one of the two is written
		}
		c.version = version
		return err
	}
	c.current, c.version = &pair, version
	return nil
}

// get is for tls.Config.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.checked) >= certificateCheck {
		c.checked = now
		before := c.current
		if err := c.load(now); err != nil {
			c.log.Errorf("The certificate cannot be renewed, and the one before stays: %v", err)
		} else if before != nil && before != c.current {
			c.log.Infof("Uses the renewed certificate in %s", c.certFile)
		}
	}
	if c.current == nil {
		return nil, errors.New("no certificate")
	}
	return c.current, nil
}

// newTLS returns the configuration of TLS with a certificate in files, which must be there.
func newTLS(certFile, keyFile string, log telegraf.Logger) (*tls.Config, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	if err := c.load(time.Now()); err != nil {
		return nil, fmt.Errorf("reading tls_cert and tls_key: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"http/1.1"}}, nil
}
