// The CRI-O oracle: which places the library that CRI-O pulls with asks for an image, on a node with these files.
//
// One JSON array of questions a line on standard input, one JSON array of answers a line on standard output. Each question's
// files are written to a folder of its own, which the library takes for the node's root; every request of its client goes to
// a proxy in this process, which answers for whatever host is asked and writes down what was asked, so nothing leaves it.
package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/shortnames"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"
)

type question struct {
	Files map[string]string // path on the node -> content
	Dirs  []string          // empty folders
	Links map[string]string // path -> target
	Image string
	Mode  string // short-name mode as crio.conf sets it: enforcing, disabled or ""
}

type endpoint struct {
	Reference string // the name that is asked for there
	Insecure  bool
	Blocked   bool   // refused as the place that is asked, mirror or registry
	Error     string // why nothing can be asked there at all (certificates that do not load)
}

type candidate struct {
	Name      string
	Error     string // of the configuration, of the rewriting of the name
	Endpoints []endpoint
	Requests  []string // METHOD scheme host:port path, in order, each once
}

type answer struct {
	Error      string // no candidate: configuration or short name
	Candidates []candidate
}

func main() {
	proxy := newProxy()
	// the library asks for the system's pool once, at its first connection
	os.Setenv("SSL_CERT_FILE", proxy.bundle)
	os.Setenv("SSL_CERT_DIR", "/nonexistent")
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			os.RemoveAll(filepath.Dir(proxy.bundle))
			return
		}
		var questions []question
		if err := json.Unmarshal(line, &questions); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		answers := make([]answer, len(questions))
		for i, q := range questions {
			answers[i] = proxy.answer(q)
		}
		data, _ := json.Marshal(answers)
		out.Write(append(data, '\n'))
		out.Flush()
	}
}

func (p *proxy) answer(q question) answer {
	root, err := os.MkdirTemp("", "crio-oracle-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(root)
	lay(root, q)
	os.Setenv("HOME", filepath.Join(root, "root"))
	os.Unsetenv("XDG_CONFIG_HOME")
	os.Unsetenv("XDG_RUNTIME_DIR")
	sys := &types.SystemContext{
		RootForImplicitAbsolutePaths: root,
		DockerProxyURL:               p.url,
		AuthFilePath:                 filepath.Join(root, "no-login.json"),
		ArchitectureChoice:           "amd64",
		OSChoice:                     "linux",
	}
	switch q.Mode {
	case "enforcing":
		mode := types.ShortNameModeEnforcing
		sys.ShortNameMode = &mode
	case "disabled":
		mode := types.ShortNameModeDisabled
		sys.ShortNameMode = &mode
	}
	sysregistriesv2.InvalidateCache()
	var names []reference.Named
	if shortnames.IsShortName(q.Image) {
		resolved, err := shortnames.Resolve(sys, q.Image)
		if err != nil {
			return answer{Error: told(err, root)}
		}
		for _, one := range resolved.PullCandidates {
			names = append(names, one.Value)
		}
	} else {
		named, err := reference.ParseNormalizedNamed(q.Image)
		if err != nil {
			return answer{Error: told(err, root)}
		}
		names = append(names, reference.TagNameOnly(named))
	}
	var found answer
	for _, named := range names {
		found.Candidates = append(found.Candidates, p.candidate(sys, named, root))
	}
	return found
}

func (p *proxy) candidate(sys *types.SystemContext, named reference.Named, root string) candidate {
	one := candidate{Name: named.String()}
	ref, err := docker.NewReference(named)
	if err != nil {
		one.Error = told(err, root)
		return one
	}
	registry, err := sysregistriesv2.FindRegistry(sys, named.Name())
	if err != nil {
		one.Error = told(err, root)
		return one
	}
	if registry == nil {
		registry = &sysregistriesv2.Registry{Endpoint: sysregistriesv2.Endpoint{Location: named.String()}, Prefix: named.String()}
	}
	sources, err := registry.PullSourcesFromReference(named)
	if err != nil {
		one.Error = told(err, root)
		return one
	}
	for _, source := range sources {
		end := endpoint{Reference: source.Reference.String(), Insecure: source.Endpoint.Insecure}
		physical, err := sysregistriesv2.FindRegistry(sys, source.Reference.Name())
		end.Blocked = err == nil && physical != nil && physical.Blocked
		one.Endpoints = append(one.Endpoints, end)
	}
	p.take()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, err = ref.NewImageSource(ctx, sys)
	if err != nil {
		one.Error = told(err, root)
	}
	one.Requests = p.take()
	return one
}

func told(err error, root string) string {
	return strings.ReplaceAll(err.Error(), root, "")
}

func lay(root string, q question) {
	for _, path := range q.Dirs {
		os.MkdirAll(filepath.Join(root, path), 0o755)
	}
	for path, content := range q.Files {
		full := filepath.Join(root, path)
		os.MkdirAll(filepath.Dir(full), 0o755)
		os.WriteFile(full, []byte(content), 0o644)
	}
	for path, target := range q.Links {
		full := filepath.Join(root, path)
		os.MkdirAll(filepath.Dir(full), 0o755)
		if filepath.IsAbs(target) {
			target = filepath.Join(root, target)
		}
		os.Symlink(target, full)
	}
}

// ---- the proxy that answers for everybody ----------------------------------------------------------------------------

type proxy struct {
	url    *url.URL
	bundle string
	ca     *x509.Certificate
	key    *ecdsa.PrivateKey
	lock   sync.Mutex
	seen   []string
	made   map[string]*tls.Certificate
}

func newProxy() *proxy {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "oracle"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	ca, _ := x509.ParseCertificate(der)
	folder, err := os.MkdirTemp("", "crio-oracle-ca-")
	if err != nil {
		panic(err)
	}
	bundle := filepath.Join(folder, "ca.pem")
	os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	p := &proxy{bundle: bundle, ca: ca, key: key, made: map[string]*tls.Certificate{}}
	p.url = &url.URL{Scheme: "http", Host: listener.Addr().String()}
	go http.Serve(listener, p)
	return p
}

func (p *proxy) take() []string {
	p.lock.Lock()
	defer p.lock.Unlock()
	seen := p.seen
	p.seen = nil
	return seen
}

func (p *proxy) note(line string) {
	p.lock.Lock()
	defer p.lock.Unlock()
	for _, old := range p.seen {
		if old == line {
			return
		}
	}
	p.seen = append(p.seen, line)
}

func (p *proxy) certificate(host string) *tls.Certificate {
	p.lock.Lock()
	defer p.lock.Unlock()
	if made := p.made[host]; made != nil {
		return made
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(p.made) + 2)), Subject: pkix.Name{CommonName: host}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), DNSNames: []string{host},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.DNSNames, template.IPAddresses = nil, []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, p.ca, &p.key.PublicKey, p.key)
	if err != nil {
		panic(err)
	}
	made := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: p.key}
	p.made[host] = made
	return made
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		p.registry("http", r.Host)(w, r)
		return
	}
	host := r.Host
	w.WriteHeader(http.StatusOK)
	raw, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	conn := tls.Server(&buffer{raw, buffered.Reader}, &tls.Config{Certificates: []tls.Certificate{*p.certificate(name)}})
	done := make(chan struct{})
	server := &http.Server{Handler: p.registry("https", host), ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(done)
		}
	}}
	server.Serve(&single{conn: conn, done: done})
}

// registry answers as one that has no such image: the next endpoint is asked.
func (p *proxy) registry(scheme, host string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p.note(scheme + " " + host + " " + r.URL.Path)
		if r.URL.Path == "/v2/" {
			w.WriteHeader(http.StatusOK)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`)
	}
}

type buffer struct {
	net.Conn
	reader *bufio.Reader
}

func (b *buffer) Read(into []byte) (int, error) { return b.reader.Read(into) }

// single is a listener of one connection.
type single struct {
	conn net.Conn
	done chan struct{}
	once sync.Once
}

func (s *single) Accept() (net.Conn, error) {
	var conn net.Conn
	s.once.Do(func() { conn = s.conn })
	if conn != nil {
		return conn, nil
	}
	<-s.done
	return nil, io.EOF
}
func (s *single) Close() error   { return nil }
func (s *single) Addr() net.Addr { return s.conn.LocalAddr() }
