package stack

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/text/secure/precis"

	"drydock/internal/compose"
	"drydock/internal/engine"
)

// rotate gives the database the password of the settings when it may have another one:
// PostgreSQL's image reads POSTGRES_PASSWORD when the volume is made, and never again. A
// changed password would else lock everyone out.
func (s *Stack) rotate(ctx context.Context, v compose.Values) error {
	if _, err := s.Engine.Volume(ctx, s.Settings.Project+"-db"); errors.Is(err, engine.ErrNotFound) {
		return nil // the first start takes the password as it is
	} else if err != nil {
		return err
	}
	db, err := s.databaseContainer(ctx)
	if err != nil {
		return err
	}
	if db.State == engine.Running && secretsOf(db) == v.DBSecrets {
		return nil
	}
	if db.State != engine.Running {
		if err := s.Runner().Start(ctx, compose.Base(s.Settings, v), "db"); err != nil {
			return err
		}
		if db, err = s.databaseContainer(ctx); err != nil {
			return err
		}
	} else {
		s.say("DB_PASSWORD has changed, or another secret of the database: giving it the password of now")
	}
	if err := s.listens(ctx, db); err != nil {
		return err
	}
	return s.setPassword(ctx, db.ID)
}

// databaseContainer is the database's container in any state; the zero value without one.
func (s *Stack) databaseContainer(ctx context.Context) (engine.Container, error) {
	list, err := s.service(ctx, s.Settings.Project, "db")
	if err != nil || len(list) == 0 {
		return engine.Container{}, err
	}
	return list[0], nil
}

// secretsOf is the volume that a container has its secrets from.
func secretsOf(c engine.Container) string {
	for _, m := range c.Mounts {
		if m.Target == secretsDir {
			return m.Name
		}
	}
	return ""
}

// listenTimeout bounds the start of a database, which may have to recover first.
const listenTimeout = 3 * time.Minute

// listens waits until the real server takes connections: over TCP, since the temporary
// one of a first start has only its socket. It asks again until then, because the health
// check, which the engine would tell of, needs the password that is about to be set.
func (s *Stack) listens(ctx context.Context, db engine.Container) error {
	ctx, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := s.Engine.ExecOutput(ctx, db.ID, "pg_isready", "-q", "-h", "127.0.0.1")
		if err == nil {
			return nil
		}
		now, lookErr := s.Engine.Container(ctx, db.ID)
		if lookErr != nil {
			return lookErr
		}
		if now.State != engine.Running && now.State != engine.Restarting || now.Restarts > db.Restarts {
			return s.explain(ctx, &compose.Failure{Doing: "starting the database of", Project: s.Settings.Project, Services: []string{"db"}, Err: errors.New("it ended by itself")})
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the database to take connections: %w", context.Cause(ctx))
		}
	}
}

// setPassword gives the database's role the password of the settings, through the socket
// inside the container. What it sends is the verifier that PostgreSQL itself would store,
// so the password is in no argument, no log and no statistics of the server.
func (s *Stack) setPassword(ctx context.Context, container string) error {
	d := s.Settings.Database
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return fmt.Errorf("making a salt: %w", err)
	}
	verifier, err := scramVerifier(d.Password.Reveal(), salt)
	if err != nil {
		return fmt.Errorf("preparing the new password of the database: %w", err)
	}
	// Where commits wait for the receiver of the log (RPO=zero), it may need this password to come.
	sql := fmt.Sprintf("SET synchronous_commit = local;\nALTER ROLE %s PASSWORD '%s';\n", pgx.Identifier{d.User}.Sanitize(), verifier)
	err = s.Engine.Exec(ctx, container, engine.Command{
		Cmd:     []string{"psql", "--no-psqlrc", "--quiet", "--username", d.User, "--dbname", d.Name, "-v", "ON_ERROR_STOP=1"},
		Streams: engine.Streams{In: strings.NewReader(sql)},
	})
	if err != nil {
		return fmt.Errorf("giving the database the new password: %w; it still has the old one", err)
	}
	return nil
}

// scramRounds is PostgreSQL's default of scram_iterations.
const scramRounds = 4096

// scramVerifier computes what PostgreSQL stores for a password (RFC 5803, with
// SCRAM-SHA-256 of RFC 7677):
//
//	SCRAM-SHA-256$<rounds>:<salt>$<StoredKey>:<ServerKey>
func scramVerifier(password string, salt []byte) (string, error) {
	// RFC 5802 wants SASLprep; like PostgreSQL, take the bytes as they are when the
	// password is not fit for that.
	if prepared, err := precis.OpaqueString.String(password); err == nil {
		password = prepared
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, scramRounds, sha256.Size)
	if err != nil {
		return "", err
	}
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramRounds, b64(salt), b64(stored[:]), b64(mac(salted, "Server Key"))), nil
}
