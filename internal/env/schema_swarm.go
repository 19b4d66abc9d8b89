package env

// What runs a release.
const (
	EngineCompose = "compose"
	EngineSwarm   = "swarm"
)

// swarmKeys are those of deploys to more than one host.
func swarmKeys() []Key {
	return []Key{
		{Name: "ENGINE", Group: "deploy", Default: EngineCompose, Active: true, field: anEnum(func(s *Settings) *string { return &s.Deploy.Engine }, EngineCompose, EngineSwarm),
			Doc:   "What runs a release: compose on one host, or Docker Swarm on several, whose manager DOCKER_HOST names. See the manual of deployment before you change it.",
			DocZh: "运行发布的方式：单台主机上的 compose，或多台主机上的 Docker Swarm（DOCKER_HOST 指向其管理节点）。更改之前请阅读部署手册。"},
		{Name: "SWARM_NODES", Group: "deploy", field: aList(func(s *Settings) *[]string { return &s.Deploy.Nodes }),
			Doc:   "The engines of the other nodes of the swarm, as in DOCKER_HOST, for example ssh://deploy@b, ssh://deploy@c: images are sent to them, without a registry. It names all nodes but that of DOCKER_HOST.",
			DocZh: "Swarm 其他节点的引擎地址，格式同 DOCKER_HOST，例如 ssh://deploy@b, ssh://deploy@c：镜像会直接传送到这些节点，无需镜像仓库。须列出 DOCKER_HOST 之外的所有节点。"},
	}
}

// checkSwarm refuses what cannot be so on several nodes.
func (r *resolver) checkSwarm() {
	s := r.settings
	if s.Deploy.Engine != EngineSwarm {
		if len(s.Deploy.Nodes) > 0 {
			r.complain(r.at("SWARM_NODES"), "SWARM_NODES", "has nodes, but ENGINE is not swarm", "set ENGINE=swarm, or remove it")
		}
		return
	}
	if s.Mode != Prod {
		r.complain(r.at("ENGINE"), "ENGINE", "is swarm in an environment with MODE=dev", "live reload needs one machine: use swarm where MODE is prod")
	}
	if tls := s.Gateway.TLS; tls != "off" && tls != "files" {
		r.complain(r.at("TLS"), "TLS", quoted(tls)+" gives each node's gateway a certificate of its own", "with ENGINE=swarm use TLS=files, or TLS=off behind a proxy that has TLS")
	}
	if s.HTTP.Bind != "0.0.0.0" {
		r.complain(r.at("HTTP_BIND"), "HTTP_BIND", quoted(s.HTTP.Bind)+" cannot be had on a swarm, which publishes on every address", "set HTTP_BIND=0.0.0.0, and close the port outside with a firewall")
	}
}
