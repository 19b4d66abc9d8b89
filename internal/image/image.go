package image

import "time"

// Image is one image that is there and can be run.
type Image struct {
	Name    string    `json:"name"`
	Ref     string    `json:"ref"` // immutable reference
	ID      string    `json:"id"`  // sha256:...
	Input   string    `json:"input,omitempty"`
	Version string    `json:"version,omitempty"`
	Target  string    `json:"target,omitempty"` // stage of the Dockerfile: dev or prod
	Size    int64     `json:"size"`             // bytes, all layers
	Created time.Time `json:"created"`
	User    string    `json:"user,omitempty"` // as the image declares it
	Built   bool      `json:"built"`          // by this call; false: it was there
	Foreign bool      `json:"foreign"`        // given by a setting, not built here
}

// The stages of a Dockerfile that Drydock knows.
const (
	StageDev  = "dev"
	StageProd = "prod"
	StageTest = "test"
)

// The names of the images that a running environment needs.
const (
	Backend  = "backend"
	Frontend = "frontend"
	Gateway  = "gateway"
	Postgres = "postgres"
	Redis    = "redis"
	Backup   = "backup"
)

// ShippedNames are the images that run somewhere, as opposed to those that others are built from.
func ShippedNames() []string { return []string{Backend, Frontend, Gateway, Postgres, Redis, Backup} }
