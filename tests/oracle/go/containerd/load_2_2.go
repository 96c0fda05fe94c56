package main

import (
	"context"

	"github.com/containerd/containerd/v2/cmd/containerd/server/config"
	"github.com/containerd/containerd/v2/version"
	"github.com/containerd/plugin"
	"github.com/containerd/plugin/registry"

	_ "github.com/containerd/containerd/v2/plugins/cri/images"
)

const defaultVersion = version.ConfigVersion

// load reads the file as `containerd` does up to 2.2 (cmd/containerd/server/server.go, New): all files are merged, then migrated.
func load(ctx context.Context, path string) (*config.Config, error) {
	out := &config.Config{Version: version.ConfigVersion}
	if err := config.LoadConfig(ctx, path, out); err != nil {
		return out, err
	}
	current := out.Version
	if current < version.ConfigVersion {
		if err := out.MigrateConfig(ctx); err != nil {
			return out, err
		}
		for v := current; v < version.ConfigVersion; v++ {
			for _, p := range registry.Graph(func(*plugin.Registration) bool { return false }) {
				if p.ConfigMigration != nil {
					if err := p.ConfigMigration(ctx, v, out.Plugins); err != nil {
						return out, err
					}
				}
			}
		}
	}
	return out, nil
}
