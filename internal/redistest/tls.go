package redistest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ServerName is the name in the certificate of a server that speaks TLS, beside 127.0.0.1.
const ServerName = "redis.test"

// Certificates are the paths of an authority's certificate, and of one for a server and one for a client with their keys.
type Certificates struct {
	CA, ServerCert, ServerKey, ClientCert, ClientKey string
}

// NewCertificates makes certificates that last as long as the test.
func NewCertificates(tb testing.TB) Certificates {
	tb.Helper()
	dir := tb.TempDir()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	// issue writes a certificate that the authority has signed, and its key.
	issue := func(name string, key *ecdsa.PrivateKey, template *x509.Certificate) (cert, keyFile string) {
		der, err := x509.CreateCertificate(rand.Reader, template, authority, &key.PublicKey, signer)
		require.NoError(tb, err)
		secret, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(tb, err)
		cert, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
		require.NoError(tb, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
		require.NoError(tb, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
		return cert, keyFile
	}
	leaf := func(serial int64, usage x509.ExtKeyUsage) (*ecdsa.PrivateKey, *x509.Certificate) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(tb, err)
		return key, &x509.Certificate{
			SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{usage}, DNSNames: []string{ServerName}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		}
	}
	var c Certificates
	c.CA, _ = issue("ca", signer, authority)
	key, template := leaf(2, x509.ExtKeyUsageServerAuth)
	c.ServerCert, c.ServerKey = issue("server", key, template)
	key, template = leaf(3, x509.ExtKeyUsageClientAuth)
	c.ClientCert, c.ClientKey = issue("client", key, template)
	return c
}

// ListenTLS lets the server speak TLS too, and gives the port for that. It asks clients for a certificate of the authority. Where the
// server was built without TLS the test is skipped.
func (s *Server) ListenTLS(tb testing.TB, c Certificates) int {
	tb.Helper()
	var err error
	for range portAttempts {
		var port int
		port, err = freePort()
		require.NoError(tb, err)
		err = s.Client().Do(tb.Context(), "config", "set", "tls-cert-file", c.ServerCert, "tls-key-file", c.ServerKey,
			"tls-ca-cert-file", c.CA, "tls-auth-clients", "yes", "tls-port", fmt.Sprint(port)).Err()
		if err == nil {
			return port
		}
		if strings.Contains(err.Error(), "Unknown option") && os.Getenv("AGENTSTATE_NO_SKIP") != "1" {
			tb.Skip("this redis-server was built without TLS")
		}
	}
	require.NoError(tb, err)
	return 0
}
