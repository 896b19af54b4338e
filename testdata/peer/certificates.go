package peer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Certificates writes what the two ends of a connection need to prove who they
// are, and returns the folder: an authority's ca.pem; server.pem and server.key
// of 127.0.0.1 and localhost; client.pem and client.key; and other.pem and
// other.key, which another authority issued.
func Certificates(t testing.TB) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write := func(name, kind string, der []byte, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
			t.Fatal(err)
		}
	}
	type identity struct {
		certificate *x509.Certificate
		key         *ecdsa.PrivateKey
	}
	serial := int64(0)
	// issue makes a certificate, signed by parent or, for nil, by itself.
	issue := func(name, file string, parent *identity) *identity {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		serial++
		c := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
			BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		}
		signer := parent
		if parent == nil {
			c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
			signer = &identity{c, key}
		}
		der, err := x509.CreateCertificate(rand.Reader, c, signer.certificate, &key.PublicKey, signer.key)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		write(file+".pem", "CERTIFICATE", der, 0o644)
		if parent != nil {
			write(file+".key", "EC PRIVATE KEY", private, 0o600)
		}
		return &identity{c, key}
	}
	authority := issue("plantroom test authority", "ca", nil)
	issue("localhost", "server", authority)
	issue("plantroom", "client", authority)
	issue("stranger", "other", issue("another authority", "other-ca", nil))
	return dir
}
