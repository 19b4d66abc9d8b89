package render

// Colour is one of the two releases that can run side by side.
type Colour string

// The two colours.
const (
	Blue  Colour = "blue"
	Green Colour = "green"
)

// Other is the other colour.
func (c Colour) Other() Colour {
	if c == Green {
		return Blue
	}
	return Green
}

// Valid says whether c is one of the two.
func (c Colour) Valid() bool { return c == Blue || c == Green }

// State is what changes while the gateway runs; each change is a generation.
type State struct {
	Generation int    // counts up; nginx answers it on the status socket
	Active     Colour // whose members get the requests
	Canary     Canary
	// Certificate says that the files of Values.CertFiles exist. Without them nginx would
	// not start, so it serves plain HTTP alone until they do.
	Certificate bool
}

// Canary sends a part of the clients to the colour that is not active. Zero is off.
type Canary struct {
	Percent int // 1 to 99; 0 is off
}
