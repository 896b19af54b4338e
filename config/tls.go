package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"gopkg.in/yaml.v3"
)

// A TLS says whom to believe at the other end of a connection and who is at
// this one. The zero TLS believes the system's authorities and is nobody.
type TLS struct {
	CA         string // the authorities' certificates, PEM; "" for the system's
	Cert       string // the client's certificate, PEM; "" for none
	Key        Secret // its key
	ServerName string // that the server must prove; "" for the host of the address
}

// Config returns t as crypto/tls wants it, nil for the zero TLS.
func (t TLS) Config() (*tls.Config, error) {
	if t == (TLS{}) {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM([]byte(t.CA)) {
			return nil, errors.New("there is no certificate in the ca file")
		}
	}
	if t.Cert != "" {
		own, err := tls.X509KeyPair([]byte(t.Cert), []byte(t.Key.Reveal()))
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{own}
	}
	return c, nil
}

// ReadTLS returns a TLS of files that a command line names; each may be "".
func ReadTLS(ca, cert, key, serverName string) (t TLS, err error) {
	read := func(path string, read func(string) ([]byte, error)) string {
		if path == "" || err != nil {
			return ""
		}
		text, e := read(path)
		if _, open := errors.AsType[exposed](e); open {
			err = e
		} else if e != nil {
			err = fmt.Errorf("cannot read %s: %w", path, reason(e))
		}
		return string(text)
	}
	t = TLS{CA: read(ca, os.ReadFile), Cert: read(cert, os.ReadFile), Key: NewSecret(read(key, readSecret)), ServerName: serverName}
	switch {
	case err != nil:
	case (cert == "") != (key == ""):
		err = errors.New("a certificate and its key are of use together only")
	default:
		_, err = t.Config()
	}
	return t, err
}

// tls reads ca, cert, key and server_name. The files are read here, so that a
// certificate that was renewed is another configuration.
func (r *siteReader) tls(m *mapping) (t TLS) {
	read := func(key string, read func(string) ([]byte, error)) (string, *yaml.Node) {
		n := m.get(key)
		if n == nil {
			return "", nil
		}
		path := beside(m.file, m.text(n, key))
		r.files[path] = true
		text, err := read(path)
		_, open := errors.AsType[exposed](err)
		switch {
		case open:
			m.fault(n, "%s: %v", key, err)
		case err != nil:
			m.fault(n, "%s: cannot read %s: %v", key, path, reason(err))
		case len(text) == 0:
			m.fault(n, "%s: %s is empty", key, path)
		}
		return string(text), n
	}
	faults := len(*r.faults)
	var key string
	var caNode, certNode, keyNode *yaml.Node
	t.CA, caNode = read("ca", os.ReadFile)
	t.Cert, certNode = read("cert", os.ReadFile)
	key, keyNode = read("key", readSecret)
	t.Key = NewSecret(key)
	t.ServerName = m.text(m.get("server_name"), "server_name")
	switch {
	case certNode != nil && keyNode == nil:
		m.fault(certNode, "cert needs its key; add for example key: client.key")
	case certNode == nil && keyNode != nil:
		m.fault(keyNode, "key is of no use without its cert; add for example cert: client.pem")
	case len(*r.faults) > faults: // not read
	default:
		if _, err := (TLS{CA: t.CA}).Config(); err != nil {
			m.fault(caNode, "ca: %v", err)
		}
		if _, err := (TLS{Cert: t.Cert, Key: t.Key}).Config(); err != nil {
			m.fault(certNode, "cert and key do not go together: %v", err)
		}
	}
	return t
}
