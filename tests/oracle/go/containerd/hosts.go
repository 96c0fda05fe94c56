package images

import (
	"context"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	criconfig "github.com/containerd/containerd/v2/internal/cri/config"
)

// OracleHosts is what the CRI's own pull asks; the oracle is the only caller.
func OracleHosts(ctx context.Context, config criconfig.ImageConfig) docker.RegistryHosts {
	service := &CRIImageService{config: config}
	return service.registryHosts(ctx, nil, nil)
}
