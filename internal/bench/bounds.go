package bench

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Bound is what a row's ratio has to keep to; one of the two is set.
type Bound struct {
	Least float64 `json:"least,omitempty"`
	Most  float64 `json:"most,omitempty"`
	Kept  bool    `json:"kept"`
}

// bounds are promised of ours beside their peers. Nobody would notice a ratio that goes away
// slowly, a little with each change.
var bounds = []struct {
	scene, name string
	Bound
}{
	{gatewayScene, ourGateway, Bound{Least: 0.9}},
	{idleScene, ourUp, Bound{Most: 1.5}},
}

// keeps says whether a ratio is within the bound, as the page shows both: with two digits.
func (b Bound) keeps(ratio float64) bool {
	ratio = math.Round(100*ratio) / 100
	return ratio >= b.Least && (b.Most == 0 || ratio <= b.Most)
}

func (b Bound) limit() string {
	if b.Most > 0 {
		return fmt.Sprintf("at most %g", b.Most)
	}
	return fmt.Sprintf("at least %g", b.Least)
}

// String is what a table says of it.
func (b Bound) String() string {
	if b.Kept {
		return "bound: " + b.limit() + ", kept"
	}
	return "bound: " + b.limit() + ", NOT kept"
}

// Judge returns the rows with their bounds, and an error that names each bound that was not
// kept. One whose row is missing was not kept: a scene that gets another name would else be
// without its bound, and nobody told.
func Judge(rows []Row) ([]Row, error) {
	rows = slices.Clone(rows)
	var broken []string
	for _, b := range bounds {
		i := slices.IndexFunc(rows, func(r Row) bool { return r.Scene == b.scene && r.Name == b.name })
		if i < 0 {
			broken = append(broken, fmt.Sprintf("%s: %s was not measured (%s)", b.scene, b.name, b.limit()))
			continue
		}
		r, judged := &rows[i], b.Bound
		judged.Kept = r.Peer != "" && judged.keeps(r.Ratio)
		if !judged.Kept {
			broken = append(broken, fmt.Sprintf("%s: %s, %s (%s)", r.Scene, r.Name, r.against("`"), b.limit()))
		}
		r.Bound = &judged
	}
	if len(broken) > 0 {
		return rows, errors.New("bounds were not kept: " + strings.Join(broken, "; "))
	}
	return rows, nil
}
