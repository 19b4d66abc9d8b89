package logical

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"drydock/internal/backup/manifest"
)

// properties sets what pg_restore leaves out when it does not make the database itself:
// owner, settings, comment, grants, connection limit. The comment is set when the database
// is published: until then it marks the database as unfinished.
func (r *restore) properties(ctx context.Context) error {
	conn, err := r.admin.session(ctx)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, sql := range propertyStatements(r.m.Contents.Database, r.scratch) {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return fmt.Errorf("%s: %w", sql, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("setting the database's properties: %w", err)
	}
	return nil
}

func propertyStatements(d manifest.Database, name string) []string {
	db := quote(name)
	out := []string{"alter database " + db + " owner to " + quote(d.Owner)}
	for _, s := range d.Settings {
		set := " set " + quote(s.Name) + " to " + settingValue(s.Name, s.Value)
		if s.Role == "" {
			out = append(out, "alter database "+db+set)
		} else {
			out = append(out, "alter role "+quote(s.Role)+" in database "+db+set)
		}
	}
	if len(d.ACL) > 0 {
		out = append(out, "revoke all on database "+db+" from public", "revoke all on database "+db+" from "+quote(d.Owner))
		// The owner's first: others pass on what they have from the owner.
		for _, owners := range []bool{true, false} {
			for _, a := range d.ACL {
				out = append(out, grantStatements(a, db, d.Owner, owners)...)
			}
		}
	}
	return out
}

// privileges are the letters of a database's grants.
var privileges = map[byte]string{'C': "create", 'T': "temporary", 'c': "connect"}

// grantStatements turns "role=CTc*/grantor" into statements, if the grantor is the owner or
// is not, as asked. Grants of others are made in their name: no superuser can do that.
func grantStatements(acl, db, owner string, owners bool) []string {
	grantee, rest := cutACLName(acl)
	rights, grantor, _ := strings.Cut(strings.TrimPrefix(rest, "="), "/")
	grantor, _ = cutACLName(grantor)
	if (grantor == owner) != owners {
		return nil
	}
	to := "public"
	if grantee != "" {
		to = quote(grantee)
	}
	var out []string
	for i := 0; i < len(rights); i++ {
		name, ok := privileges[rights[i]]
		if !ok {
			continue
		}
		option := ""
		if i+1 < len(rights) && rights[i+1] == '*' {
			option = " with grant option"
		}
		out = append(out, "grant "+name+" on database "+db+" to "+to+option)
	}
	if !owners {
		out = append(append([]string{"set local role " + quote(grantor)}, out...), "reset role")
	}
	return out
}

// cutACLName reads a name at the beginning of an aclitem's text, quoted if it is unusual.
func cutACLName(s string) (name, rest string) {
	if !strings.HasPrefix(s, `"`) {
		if i := strings.IndexAny(s, "=/"); i >= 0 {
			return s[:i], s[i:]
		}
		return s, ""
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"' && i+1 < len(s) && s[i+1] == '"':
			b.WriteByte('"')
			i++
		case s[i] == '"':
			return b.String(), s[i+1:]
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}

// publish gives the scratch database its name, in one transaction with the renaming of
// the one that it replaces: somebody who connects finds the old one or the new one.
func (r *restore) publish(ctx context.Context) error {
	old := ""
	if r.exists {
		old = oldName(r.target, time.Now())
	}
	conn, err := r.admin.session(ctx)
	if err != nil {
		return err
	}
	d := r.m.Contents.Database
	comment := "null"
	if d.Comment != "" {
		comment = literal(d.Comment)
	}
	names := []string{r.scratch} // autovacuum may be at work in it
	if old != "" {
		names = append(names, r.target)
	}
	stop, err := r.endSessions(ctx, names)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if old != "" {
			if _, err := tx.Exec(ctx, "alter database "+quote(r.target)+" rename to "+quote(old)); err != nil {
				return fmt.Errorf("renaming the old database: %w; stop what connects to it", err)
			}
		}
		if _, err := tx.Exec(ctx, "comment on database "+quote(r.scratch)+" is "+comment); err != nil {
			return err
		}
		if d.ConnLimit != -1 {
			if _, err := tx.Exec(ctx, fmt.Sprintf("alter database %s connection limit %d", quote(r.scratch), d.ConnLimit)); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "alter database "+quote(r.scratch)+" rename to "+quote(r.target))
		return err
	})
	stop()
	if err != nil {
		return fmt.Errorf("giving the restored database its name %s: %w", r.target, err)
	}
	r.scratch = ""
	if old == "" {
		return nil
	}
	// One that was empty has nothing to go back to.
	if r.o.DropOld || !r.o.Replace {
		if err := dropDatabase(ctx, r.admin, r.s, old); err != nil {
			r.note("the old database could not be dropped and is now called %s: %v", manifest.Ident(old), err)
			r.done.Old = old
		}
		return nil
	}
	r.done.Old = old
	r.note("the old database is kept as %s; once it is of no use: DROP DATABASE %s", manifest.Ident(old), quote(old))
	return nil
}

// endSessions ends the sessions of databases from a second session, until it is stopped.
// A client that connects again at once may get in before RENAME has its lock; RENAME then
// waits five seconds for it to go, with everyone else locked out.
func (r *restore) endSessions(ctx context.Context, names []string) (stop func(), err error) {
	conn, err := r.s.connect(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer closeConn(conn)
		every := time.NewTicker(50 * time.Millisecond)
		defer every.Stop()
		for {
			// That it fails shows as the failure of RENAME.
			_, _ = conn.Exec(ctx, "select pg_terminate_backend(pid) from pg_stat_activity where datname = any($1) and pid <> pg_backend_pid()", names)
			select {
			case <-ctx.Done():
				return
			case <-every.C:
			}
		}
	}()
	return func() { cancel(); <-done }, nil
}

// oldName is where a replaced database goes: its name, cut to fit, and the time.
func oldName(name string, now time.Time) string {
	suffix := now.UTC().Format("_before_20060102T150405.000000")
	suffix = strings.ReplaceAll(suffix, ".", "_")
	for len(name)+len(suffix) > 63 {
		runes := []rune(name)
		name = string(slices.Delete(runes, len(runes)-1, len(runes)))
	}
	return name + suffix
}
