// Pulls as CRI-O does, into a store of its own that is thrown away, and tells what CRI-O would answer the kubelet.
//
// One JSON array of pulls a line on standard input, one JSON array of answers a line on standard output. Names are resolved by
// the DNS server of -resolver alone, so that no pull leaves this machine.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/types"
	cs "go.podman.io/storage"
	"go.podman.io/storage/pkg/reexec"
)

type pull struct {
	Image    string
	User     string
	Password string
	Proxy    string
	Cancel   float64           // seconds after which CRI-O gives up, 0: never
	Files    map[string]string // path on the node -> content
	Dirs     []string          // empty folders
}

type answer struct {
	Library  string // what the library says
	Artifact string // what it says when the same name is looked at as an artifact, "" where that is an image
	Net      bool   // a net.Error, or cancelled: CRI-O from 1.35.1 on does not look for an artifact then
	Refused  bool
	Policy   bool
}

func main() {
	if reexec.Init() {
		return
	}
	resolver := flag.String("resolver", "", "host:port of the DNS server")
	flag.Parse()
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "udp", *resolver)
	}}
	folder, err := os.MkdirTemp("", "crio-pull-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	store, err := cs.GetStore(cs.StoreOptions{
		RunRoot: filepath.Join(folder, "run"), GraphRoot: filepath.Join(folder, "graph"), GraphDriverName: "vfs",
	})
	if err != nil {
		panic(err)
	}
	in, out := bufio.NewReaderSize(os.Stdin, 1<<20), bufio.NewWriter(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			store.Shutdown(true)
			return
		}
		var pulls []pull
		if err := json.Unmarshal(line, &pulls); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		answers := make([]answer, len(pulls))
		var group sync.WaitGroup
		slots := make(chan struct{}, 12)
		for i, one := range pulls {
			group.Add(1)
			go func() {
				defer group.Done()
				slots <- struct{}{}
				answers[i] = try(one, store, folder)
				<-slots
			}()
		}
		group.Wait()
		data, _ := json.Marshal(answers)
		out.Write(append(data, '\n'))
		out.Flush()
	}
}

func try(one pull, store cs.Store, folder string) answer {
	root, err := os.MkdirTemp(folder, "node-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(root)
	for _, path := range one.Dirs {
		os.MkdirAll(filepath.Join(root, path), 0o755)
	}
	for path, content := range one.Files {
		full := filepath.Join(root, path)
		os.MkdirAll(filepath.Dir(full), 0o755)
		os.WriteFile(full, []byte(content), 0o644)
	}
	sys := &types.SystemContext{
		RootForImplicitAbsolutePaths: root, AuthFilePath: filepath.Join(root, "no-login.json"), OSChoice: "linux",
		ArchitectureChoice: "amd64", BigFilesTemporaryDir: root,
		SystemRegistriesConfPath:    filepath.Join(root, "etc/containers/registries.conf"),
		SystemRegistriesConfDirPath: filepath.Join(root, "etc/containers/registries.conf.d"),
	}
	if one.User != "" {
		sys.DockerAuthConfig = &types.DockerAuthConfig{Username: one.User, Password: one.Password}
	}
	if one.Proxy != "" {
		if sys.DockerProxyURL, err = url.Parse(one.Proxy); err != nil {
			panic(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 150*time.Second)
	defer cancel()
	if one.Cancel > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithCancel(ctx)
		timer := time.AfterFunc(time.Duration(one.Cancel*float64(time.Second)), stop)
		defer timer.Stop()
		defer stop()
	}
	err = copied(ctx, one, sys, store)
	if err == nil {
		return answer{}
	}
	var network net.Error
	var refusal signature.PolicyRequirementError
	found := answer{
		Library: told(err, root), Net: errors.As(err, &network) || errors.Is(err, context.Canceled),
		Refused: errors.Is(err, syscall.ECONNREFUSED), Policy: errors.As(err, &refusal),
	}
	if one.Cancel == 0 {
		if ref, err := docker.ParseReference("//" + one.Image); err == nil {
			source, err := ref.NewImageSource(context.Background(), sys)
			if err != nil {
				found.Artifact = told(err, root)
			} else {
				source.Close()
			}
		}
	}
	return found
}

func copied(ctx context.Context, one pull, sys *types.SystemContext, store cs.Store) error {
	source, err := docker.ParseReference("//" + one.Image)
	if err != nil {
		return err
	}
	into, err := storage.Transport.ParseStoreReference(store, one.Image)
	if err != nil {
		return err
	}
	policy, err := signature.DefaultPolicy(sys)
	if err != nil {
		return err
	}
	context, err := signature.NewPolicyContext(policy)
	if err != nil {
		return err
	}
	defer context.Destroy()
	_, err = copy.Image(ctx, context, into, source, &copy.Options{SourceCtx: sys, DestinationCtx: sys})
	return err
}

func told(err error, root string) string {
	return strings.ReplaceAll(err.Error(), root, "")
}
