package stack

import (
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/run"
)

func TestPublisher(t *testing.T) {
	w := wanted{Setting: "HTTP_PORT", Bind: "127.0.0.1", Port: 8080, Service: "gateway"}
	with := func(ip string, port int, labels map[string]string) []engine.Container {
		return []engine.Container{{Name: "web-1", Labels: labels, Ports: []engine.Port{{Container: 80, Proto: "tcp", HostIP: ip, Host: port}}}}
	}
	for name, c := range map[string]struct {
		running []engine.Container
		by      string
		ours    bool
	}{
		"nobody":                  {nil, "", false},
		"another port":            {with("0.0.0.0", 8081, nil), "", false},
		"another address":         {with("192.0.2.1", 8080, nil), "", false},
		"every address":           {with("0.0.0.0", 8080, nil), "the container web-1", false},
		"every address, IPv6":     {with("::", 8080, nil), "the container web-1", false},
		"of a compose project":    {with("127.0.0.1", 8080, map[string]string{"com.docker.compose.project": "other"}), "the container web-1 (compose project other)", false},
		"ours":                    {with("127.0.0.1", 8080, map[string]string{LabelProject: "shop", "com.docker.compose.service": "gateway"}), "", true},
		"another service of ours": {with("127.0.0.1", 8080, map[string]string{LabelProject: "shop", "com.docker.compose.service": "db"}), "the container web-1", false},
	} {
		by, ours := publisher(c.running, w, "shop")
		assert.Equal(t, c.by, by, name)
		assert.Equal(t, c.ours, ours, name)
	}
}

func TestListenerNamesTheProcess(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, text, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	port, err := strconv.Atoi(text)
	require.NoError(t, err)
	by, err := listener("127.0.0.1", port)
	require.NoError(t, err)
	assert.Contains(t, by, strconv.Itoa(os.Getpid()))
	require.NoError(t, l.Close())
	by, err = listener("127.0.0.1", port)
	require.NoError(t, err)
	assert.Empty(t, by)
	_, err = listener("192.0.2.77", port) // TEST-NET-1 (RFC 5737): nobody has it
	assert.Equal(t, run.CodeBadInput, run.Code(err))
}

func TestListening(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0 20 4 30 10 -1
   2: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4244 1 0 100 0 0 10 0
cut off
`
	assert.Equal(t, []string{"4242"}, listening(strings.NewReader(table), 8080))
	assert.Equal(t, []string{"4244"}, listening(strings.NewReader(table), 80))
}

func TestPortsTakenSaysWhatToDo(t *testing.T) {
	err := &PortsTaken{EnvFile: ".env.prod.local", Conflicts: []conflict{
		{wanted{"HTTP_PORT", "0.0.0.0", 80, "gateway"}, "the process 7 (nginx)"},
		{wanted{"DB_PORT", "127.0.0.1", 65000, "db"}, "the container x"},
	}}
	assert.Equal(t, run.CodeBusy, run.Code(err))
	assert.Equal(t, `checking the ports: port 80 on 0.0.0.0 (for gateway) is taken by the process 7 (nginx); stop that, or set HTTP_PORT to a free port, for example: echo 'HTTP_PORT=8080' >> .env.prod.local
port 65000 on 127.0.0.1 (for db) is taken by the container x; stop that, or set DB_PORT to a free port, for example: echo 'DB_PORT=55000' >> .env.prod.local`, err.Error())
}
