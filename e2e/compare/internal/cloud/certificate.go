//go:build linux

package cloud

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// makeCertificates writes into dir what a server with an ordinary chain has: a
// certificate for addr and the one between it and the root, all ECDSA on P-256,
// which is the smallest that public authorities issue. It returns the file of
// the root and a server's configuration.
func makeCertificates(dir string, addr netip.Addr) (ca string, server *tls.Config, err error) {
	var (
		parent    *x509.Certificate
		parentKey *ecdsa.PrivateKey
		chain     []byte
		key       []byte
	)
	for i, name := range []string{"Bench Root", "Bench Intermediate", "metrics.example.com"} {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return "", nil, fmt.Errorf("cannot make a key: %w", err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i) + 1), Subject: pkix.Name{CommonName: name, Organization: []string{"Bench"}},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
			KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		}
		if leaf := i == 2; leaf {
			template.DNSNames, template.IPAddresses = []string{name}, []net.IP{addr.AsSlice()}
			template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		} else {
			template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
		}
		signer, signerKey := parent, parentKey
		if signer == nil {
			signer, signerKey = template, k
		}
		der, err := x509.CreateCertificate(rand.Reader, template, signer, &k.PublicKey, signerKey)
		if err != nil {
			return "", nil, fmt.Errorf("cannot make a certificate: %w", err)
		}
		if parent, err = x509.ParseCertificate(der); err != nil {
			return "", nil, err
		}
		parentKey = k
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
		if i == 0 {
			ca = filepath.Join(dir, "ca.pem")
			if err := os.WriteFile(ca, text, 0o600); err != nil {
				return "", nil, err
			}
			continue
		}
		chain = append(text, chain...) // the server's own is first
		private, err := x509.MarshalECPrivateKey(k)
		if err != nil {
			return "", nil, err
		}
		key = pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private})
	}
	for name, text := range map[string][]byte{"server.pem": chain, "server.key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return "", nil, err
		}
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return "", nil, err
	}
	return ca, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}
