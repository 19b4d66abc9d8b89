package bench

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestJudge(t *testing.T) {
	gateway := func(ratio float64) Row {
		return row(gatewayScene, ourGateway, "requests/s", Sample{ratio * 1000}, minimal, Sample{1000})
	}
	up := func(ratio float64) Row { return row(idleScene, ourUp, "s", Sample{ratio}, plainUp, Sample{1}) }
	other := row(idleScene, "build", "s", Sample{9}, plainUp, Sample{1})
	for name, test := range map[string]struct {
		rows []Row
		want string // error; "" is none
	}{
		"kept":            {[]Row{gateway(1.06), up(1.27), other}, ""},
		"just kept":       {[]Row{gateway(0.9), up(1.5)}, ""},
		"as it is shown":  {[]Row{gateway(0.896), up(1.504)}, ""},
		"too little":      {[]Row{gateway(0.89), up(1.27)}, "bounds were not kept: requests through the gateway: gateway, 0.89 of `minimal nginx` (at least 0.9)"},
		"too much":        {[]Row{gateway(1), up(1.51)}, "bounds were not kept: nothing to do: up, 1.51 of `docker compose up -d, both projects` (at most 1.5)"},
		"each is named":   {[]Row{up(2), gateway(0.5)}, "bounds were not kept: requests through the gateway: gateway, 0.50 of `minimal nginx` (at least 0.9); nothing to do: up, 2.00 of `docker compose up -d, both projects` (at most 1.5)"},
		"not measured":    {[]Row{gateway(1)}, "bounds were not kept: nothing to do: up was not measured (at most 1.5)"},
		"without a ratio": {[]Row{row(gatewayScene, ourGateway, "requests/s", Sample{1}, minimal, Sample{0}), up(1)}, "bounds were not kept: requests through the gateway: gateway, no ratio: the peer is nothing (at least 0.9)"},
	} {
		t.Run(name, func(t *testing.T) {
			judged, err := Judge(test.rows)
			if test.want == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, test.want)
			}
			for i, r := range test.rows {
				assert.Nil(t, r.Bound, "what was given is left alone")
				if r.Name == other.Name {
					assert.Nil(t, judged[i].Bound)
				} else {
					require.NotNil(t, judged[i].Bound)
				}
			}
		})
	}
	rows, err := Judge([]Row{gateway(0.8), up(1)})
	require.Error(t, err)
	assert.Equal(t, "0.80 of `minimal nginx`; bound: at least 0.9, NOT kept", rows[0].against("`"))
	assert.Equal(t, "1.00 of docker compose up -d, both projects; bound: at most 1.5, kept", rows[1].against(""))
	text, err := json.Marshal(rows[0])
	require.NoError(t, err)
	assert.Contains(t, string(text), `"bound":{"least":0.9,"kept":false}`)
}
