package testkit

import (
	"maps"
	"testing"

	"drydock/internal/engine"
)

// Container creates and starts a container and waits until it is ready: healthy if it
// has a health check, else running. Name and labels are added, a given name is the
// base of a unique one. Without an image it is the tiny one.
func Container(t testing.TB, s engine.Spec) engine.Container {
	t.Helper()
	id := Start(t, s)
	in, err := Engine(t).WaitReady(t.Context(), id)
	if err != nil {
		t.Fatalf("starting a scratch container: %v", err)
	}
	return in
}

// Start is Container without the waiting; it returns the id.
func Start(t testing.TB, s engine.Spec) string {
	t.Helper()
	c := Engine(t)
	s = prepare(t, s)
	id, err := c.Create(t.Context(), s)
	if err != nil {
		t.Fatalf("making a scratch container: %v", err)
	}
	if err := c.Start(t.Context(), id); err != nil {
		t.Fatalf("starting a scratch container: %v", err)
	}
	return id
}

func prepare(t testing.TB, s engine.Spec) engine.Spec {
	t.Helper()
	base := s.Name
	if base == "" {
		base = t.Name()
	}
	s.Name = Name(t, base)
	labels := Labels(t)
	maps.Copy(labels, s.Labels)
	s.Labels = labels
	if s.Image == "" {
		s.Image = TinyImage(t)
	}
	return s
}

// Network makes a scratch network of the engine's choice of addresses.
func Network(t testing.TB, internal bool) engine.Network {
	t.Helper()
	c := Engine(t)
	n, err := c.EnsureNetwork(t.Context(), engine.NetworkSpec{
		Name: Name(t, t.Name()), Internal: internal, Labels: Labels(t),
	})
	if err != nil {
		t.Fatalf("making a scratch network: %v", err)
	}
	return n
}

// Volume makes an empty scratch volume.
func Volume(t testing.TB) engine.Volume {
	t.Helper()
	v, err := Engine(t).EnsureVolume(t.Context(), Name(t, t.Name()), Labels(t))
	if err != nil {
		t.Fatalf("making a scratch volume: %v", err)
	}
	return v
}
