package sqlcheck

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct{ name, sql, want string }{
		{"nothing", "", ""},
		{"additions", "CREATE TABLE a (id bigint); ALTER TABLE b ADD COLUMN c text, ADD d int NOT NULL DEFAULT 1;", ""},
		{"drop table", "\n\nDROP TABLE IF EXISTS public.notes CASCADE;", "3! DROP TABLE takes notes away"},
		{"one that the file made", "CREATE TABLE tmp (a int);\nDROP TABLE tmp;", ""},
		{"drop view", "drop materialized view v", "1! DROP MATERIALIZED VIEW takes v away"},
		{"an index is no name in a query", "DROP INDEX i;", ""},
		{"in a comment", "-- DROP TABLE a;\n/* DROP /* nested */ TABLE b; */ SELECT 1;", ""},
		{"in a string", "INSERT INTO a VALUES ('DROP TABLE a; it''s', E'\\'; DROP TABLE b;', \"drop table\");", ""},
		{"in a function", "CREATE FUNCTION f() RETURNS void AS $body$ BEGIN DELETE FROM a; END $body$ LANGUAGE plpgsql;", ""},
		{"in a DO", "DO $$\nBEGIN\n  DROP TABLE a;\nEND $$;", "3! DROP TABLE takes a away"},
		{"in a DO, after IF", "DO $x$ BEGIN IF true THEN DELETE FROM a; END IF; END $x$;", "1! DELETE without WHERE empties a"},
		{"drop column", "ALTER TABLE a ADD b int, DROP COLUMN c;", "1! DROP COLUMN takes a column of a away"},
		{"drop column, short", "ALTER TABLE ONLY a DROP c", "1! DROP COLUMN takes a column of a away"},
		{"drop constraint loosens", "ALTER TABLE a DROP CONSTRAINT c, ALTER b DROP NOT NULL", ""},
		{"drop default", "ALTER TABLE a ALTER b DROP DEFAULT", "1! DROP DEFAULT in a: the old release may count on it"},
		{"rename column", "ALTER TABLE a RENAME COLUMN b TO c", "1! RENAME in a: the old name is gone"},
		{"rename value", "ALTER TYPE mood RENAME VALUE 'x' TO 'y'", "1! RENAME in mood: the old name is gone"},
		{"type", "ALTER TABLE a ALTER COLUMN b SET DATA TYPE bigint", "1! ALTER TYPE of a column of a; it may also write the whole table anew under a lock"},
		{"a column called type", "ALTER TABLE a ADD COLUMN \"type\" text", ""},
		{"set not null", "ALTER TABLE a ALTER b SET NOT NULL", "1! SET NOT NULL in a: the old release may write NULL"},
		{"not null without default", "ALTER TABLE a ADD COLUMN b int NOT NULL", "1! ADD COLUMN with NOT NULL and no DEFAULT in a: the old release writes rows without it"},
		{"commas in parentheses", "ALTER TABLE a ADD COLUMN b numeric(10, 2) DEFAULT 0 NOT NULL", ""},
		{"a new table may be anything", "CREATE TABLE a (b int);\nALTER TABLE a ALTER b SET NOT NULL; CREATE INDEX ON a (b);", ""},
		{"truncate", "TRUNCATE a, b", "1! TRUNCATE empties a table"},
		{"delete", "DELETE FROM a", "1! DELETE without WHERE empties a"},
		{"delete some", "DELETE FROM a WHERE b = 1", ""},
		{"delete in WITH", "WITH d AS (DELETE FROM a RETURNING *) SELECT * FROM d WHERE x", "1! DELETE without WHERE empties a"},
		{"delete with WHERE inside only", "DELETE FROM a USING (SELECT 1 WHERE true) x", "1! DELETE without WHERE empties a"},
		{"revoke", "REVOKE SELECT ON a FROM b", "1! REVOKE takes a right away"},
		{"index", "CREATE INDEX i ON notes (a)", "1  CREATE INDEX without CONCURRENTLY holds up writing to notes while it is built"},
		{"index, concurrently", "CREATE UNIQUE INDEX CONCURRENTLY i ON notes (a)", ""},
		{"constraint", "ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0)", "1  ADD CONSTRAINT without NOT VALID checks all of a under a lock; the old release's rows have to fit, too"},
		{"constraint, not valid", "ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0) NOT VALID", ""},
		{"marked", "-- drydock:contract release 12 stopped reading it\nDROP TABLE a;", "2m DROP TABLE takes a away"},
		{"marked inside", "ALTER TABLE a -- drydock:contract nobody reads it\n DROP b;", "1m DROP COLUMN takes a column of a away"},
		{"the mark is for one statement", "-- drydock:contract old\nDROP TABLE a;\nDROP TABLE b;", "2m DROP TABLE takes a away|3! DROP TABLE takes b away"},
		{"a mark without a reason", "-- drydock:contract\nDROP TABLE a;", "2! DROP TABLE takes a away; the mark needs a reason: -- drydock:contract <why>"},
		{"a mark in a string", "DROP TABLE a; SELECT '-- drydock:contract x';", "1! DROP TABLE takes a away"},
		{"only up", "-- +goose Up\nCREATE TABLE a ();\n-- +goose Down\nDROP TABLE b;", ""},
		{"quoted names", `ALTER TABLE "My;Table" DROP COLUMN "a--b"`, "1! DROP COLUMN takes a column of my;table away"},
		{"dollars in names", "ALTER TABLE a$b$c DROP d; SELECT 1", "1! DROP COLUMN takes a column of a$b$c away"},
		{"CRLF", "SELECT 1;\r\nDROP TABLE a;\r\n", "2! DROP TABLE takes a away"},
		{"not ended", "DROP TABLE a; SELECT 'x", "1! DROP TABLE takes a away"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, f := range Check(c.sql) {
				flag := " "
				switch {
				case f.Marked:
					flag = "m"
				case f.Breaks:
					flag = "!"
				}
				got = append(got, string(rune('0'+f.Line))+flag+" "+f.Text)
			}
			assert.Equal(t, c.want, strings.Join(got, "|"))
		})
	}
}

// Whatever is read, nothing breaks, lines are within the text, and a comment around
// everything hides everything.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"DROP TABLE a;", "ALTER TABLE a DROP b, ADD c int", "$a$ $b$ ' \" /* --", "E'\\", "DO $$ DROP TABLE a; $$", "\xff$\xff$", "ALTER", "DELETE FROM"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		lines := strings.Count(sql, "\n") + 1
		for _, x := range Check(sql) {
			if x.Line < 1 || x.Line > lines {
				t.Errorf("line %d of %d", x.Line, lines)
			}
		}
		if !strings.ContainsAny(sql, "*/") {
			if got := Check("/* " + sql + " */"); len(got) > 0 {
				t.Errorf("found in a comment: %v", got)
			}
		}
		doubled := strings.ReplaceAll(sql, "'", "''")
		if got := Check("SELECT '" + doubled + "'"); len(got) > 0 {
			t.Errorf("found in a string: %v", got)
		}
	})
}
