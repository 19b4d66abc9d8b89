package logical

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"drydock/internal/backup/manifest"
)

// makeRoles makes the missing roles as they were, but without passwords: nobody can log
// in as one over the network until it is given one. Roles that exist are never altered.
// All in one transaction, so that a failure leaves none.
func (r *restore) makeRoles(ctx context.Context) error {
	var wanted []string
	if r.o.AllRoles {
		for _, role := range r.m.Contents.Roles {
			wanted = append(wanted, role.Name)
		}
	} else {
		wanted = neededRoles(r.m)
	}
	conn, err := r.admin.session(ctx)
	if err != nil {
		return err
	}
	missing, err := missingNames(ctx, conn, "select rolname::text from pg_roles", wanted)
	if err != nil || len(missing) == 0 {
		return err
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, sql := range roleStatements(r.m.Contents.Roles, missing) {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return fmt.Errorf("%s: %w", sql, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("making the missing roles: %w", err)
	}
	r.done.Roles = missing
	for _, n := range missing {
		r.note("the role %s was made without a password; set one where it logs in: ALTER ROLE %s PASSWORD '...'", manifest.Ident(n), quote(n))
	}
	return nil
}

// roleStatements makes the roles first, then their memberships: those may be in any order.
func roleStatements(all []manifest.Role, missing []string) []string {
	var roles, grants []string
	for _, r := range all {
		if !slices.Contains(missing, r.Name) {
			continue
		}
		var b strings.Builder
		b.WriteString("create role " + quote(r.Name) + " with")
		for _, a := range []struct {
			on   bool
			name string
		}{{r.Super, "superuser"}, {r.Inherit, "inherit"}, {r.CreateRole, "createrole"}, {r.CreateDB, "createdb"},
			{r.Login, "login"}, {r.Replication, "replication"}, {r.BypassRLS, "bypassrls"}} {
			b.WriteString(" ")
			if !a.on {
				b.WriteString("no")
			}
			b.WriteString(a.name)
		}
		fmt.Fprintf(&b, " connection limit %d", r.ConnLimit)
		if r.ValidUntil != "" {
			b.WriteString(" valid until " + literal(r.ValidUntil))
		}
		roles = append(roles, b.String())
		for _, s := range r.Settings {
			roles = append(roles, "alter role "+quote(r.Name)+" set "+quote(s.Name)+" to "+settingValue(s.Name, s.Value))
		}
		for _, m := range r.MemberOf {
			if predefined := strings.HasPrefix(m.Role, "pg_"); !predefined && !known(all, m.Role) {
				continue
			}
			grants = append(grants, "grant "+quote(m.Role)+" to "+quote(r.Name)+membershipOptions(m))
		}
	}
	return append(roles, grants...)
}

func known(all []manifest.Role, name string) bool {
	return slices.ContainsFunc(all, func(r manifest.Role) bool { return r.Name == name })
}

// membershipOptions leaves out what is the default: INHERIT and SET as options of a grant
// are unknown before version 16.
func membershipOptions(m manifest.Membership) string {
	var out []string
	if m.Admin {
		out = append(out, "admin true")
	}
	if !m.Inherit {
		out = append(out, "inherit false")
	}
	if !m.Set {
		out = append(out, "set false")
	}
	if len(out) == 0 {
		return ""
	}
	return " with " + strings.Join(out, ", ")
}

// listSettings are settings whose value is a list, which pg_db_role_setting keeps as it was
// written: quoting it whole would make one name of it.
var listSettings = []string{"local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries", "temp_tablespaces", "unix_socket_directories"}

// settingValue writes a stored value for SET. A list's elements are quoted each.
func settingValue(name, value string) string {
	if !slices.Contains(listSettings, strings.ToLower(name)) {
		return literal(value)
	}
	var out []string
	for _, e := range splitList(value) {
		out = append(out, literal(e))
	}
	if len(out) == 0 {
		return "''"
	}
	return strings.Join(out, ", ")
}

// splitList splits "a, "b,c"" at commas outside of double quotes and takes the quotes away.
func splitList(s string) []string {
	var out []string
	var b strings.Builder
	quoted, any := false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' && quoted && i+1 < len(s) && s[i+1] == '"':
			b.WriteByte('"')
			i++
		case c == '"':
			quoted, any = !quoted, true
		case c == ',' && !quoted:
			out = append(out, b.String())
			b.Reset()
			any = false
		case c == ' ' && !quoted && !any:
		default:
			b.WriteByte(c)
			any = true
		}
	}
	if any || b.Len() > 0 {
		out = append(out, b.String())
	}
	return out
}
