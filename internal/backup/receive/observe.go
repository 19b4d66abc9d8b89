package receive

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// observeSQL is one row. A server in recovery has no current position, and nothing is to be
// decided about it.
var observeSQL = fmt.Sprintf(`select
	(select setting from pg_settings where name = 'synchronous_standby_names'),
	(select source from pg_settings where name = 'synchronous_standby_names'),
	(select reset_val from pg_settings where name = 'synchronous_commit'),
	coalesce(r.state = 'streaming', false), coalesce(r.sync_state in ('sync', 'quorum'), false), r.flush_lsn,
	case when pg_is_in_recovery() then null else pg_current_wal_flush_lsn() end,
	(select count(*) from pg_stat_activity where wait_event = 'SyncRep'),
	s.wal_status, coalesce(pg_wal_lsn_diff(case when pg_is_in_recovery() then null else pg_current_wal_lsn() end, s.restart_lsn), 0)::bigint,
	(select case when setting = '-1' then -1 else setting::bigint << 20 end from pg_settings where name = 'max_slot_wal_keep_size')
from (select 1) one
left join (select * from pg_stat_replication where application_name = %s order by flush_lsn desc nulls last limit 1) r on true
left join (select * from pg_replication_slots where slot_name = %s || (select system_identifier from pg_control_system())) s on true`,
	quoteText(Standby), quoteText(slotPrefix))

var errRecovery = errors.New("the server is in recovery")

func (s *session) observe(ctx context.Context) (o Observation, err error) {
	rows, err := s.rows(ctx, observeSQL)
	if err != nil {
		return o, fmt.Errorf("asking about the receiver: %w", err)
	}
	if len(rows) != 1 {
		return o, fmt.Errorf("asking about the receiver: %d rows instead of one", len(rows))
	}
	r := rows[0]
	if r[6] == "" {
		return o, errRecovery
	}
	o = Observation{Configured: r[0], Source: r[1], Commit: r[2], Streaming: r[3] == "t", Sync: r[4] == "t", Slot: r[8]}
	var problems [5]error
	if r[5] != "" {
		o.Flushed, problems[0] = ParseLSN(r[5])
	}
	o.Current, problems[1] = ParseLSN(r[6])
	o.Waiting, problems[2] = strconv.Atoi(r[7])
	o.Held, problems[3] = strconv.ParseInt(r[9], 10, 64)
	o.MaxHeld, problems[4] = strconv.ParseInt(r[10], 10, 64)
	return o, errors.Join(problems[:]...)
}

// change sets or removes a setting for good. It writes no WAL, so it never waits for the receiver.
func (s *session) change(ctx context.Context, statements ...string) error {
	for _, sql := range append(statements, "select pg_reload_conf()") {
		if err := s.do(ctx, sql); err != nil {
			return fmt.Errorf("changing the server's settings: %w", err)
		}
	}
	return nil
}

const (
	sqlOn  = "alter system set synchronous_standby_names = " + names
	sqlOff = "alter system reset synchronous_standby_names"
)

// Look asks the server once; for lists and status.
func Look(ctx context.Context, server Server) (Observation, error) {
	s, err := connect(ctx, server)
	if err != nil {
		return Observation{}, err
	}
	defer s.close()
	return s.observe(ctx)
}

// Release lets commits go on without the receiver, now. It is the way out when they wait
// and the receiver cannot be brought back; the guard switches on again when it is.
func Release(ctx context.Context, server Server) error {
	s, err := connect(ctx, server)
	if err != nil {
		return err
	}
	defer s.close()
	return s.change(ctx, sqlOff)
}

// Off takes away everything that RPO=zero left in the server: that commits wait, our slots
// and their bound. Doing it again does nothing. It returns what it took away.
func Off(ctx context.Context, server Server) (done []string, err error) {
	s, err := connect(ctx, server)
	if err != nil {
		return nil, err
	}
	defer s.close()
	return s.off(ctx)
}

func (s *session) off(ctx context.Context) (done []string, err error) {
	o, err := s.observe(ctx)
	if err != nil {
		return nil, err
	}
	if o.Configured == names {
		if err := s.change(ctx, sqlOff, sqlResetBound); err != nil {
			return nil, err
		}
		done = append(done, "commits wait for no receiver any more")
	}
	rows, err := s.rows(ctx, "select slot_name, active_pid from pg_replication_slots where slot_type = 'physical' and slot_name ~ '^"+slotPrefix+"[0-9]+$'")
	if err != nil {
		return done, fmt.Errorf("looking for slots: %w", err)
	}
	for _, r := range rows {
		if err := s.dropSlot(ctx, r[0]); err != nil {
			return done, err
		}
		done = append(done, "the replication slot "+r[0]+" is removed")
	}
	return done, nil
}

// dropSlot ends whoever uses the slot first: the receiver before us, whose connection the
// server has not missed yet.
func (s *session) dropSlot(ctx context.Context, name string) error {
	if err := s.freeSlot(ctx, name); err != nil {
		return err
	}
	if err := s.do(ctx, "DROP_REPLICATION_SLOT "+quoteName(name)); err != nil {
		return fmt.Errorf("removing the replication slot %s: %w", name, err)
	}
	return nil
}

// freeWithin is how long an old connection may take to end after it was told to.
const freeWithin = 5 * time.Second

func (s *session) freeSlot(ctx context.Context, name string) error {
	err := s.do(ctx, fmt.Sprintf(`select count(pg_terminate_backend(active_pid, %d)) from pg_replication_slots where slot_name = %s and active_pid is not null`,
		freeWithin.Milliseconds(), quoteText(name)))
	if err != nil {
		return fmt.Errorf("ending the connection that uses the slot %s: %w", name, err)
	}
	return nil
}

// sqlBound bounds what a slot keeps on the database's disk.
func sqlBound(bytes int64) string {
	return "alter system set max_slot_wal_keep_size = '" + strconv.FormatInt(max(1, bytes>>20), 10) + "MB'"
}

const sqlResetBound = "alter system reset max_slot_wal_keep_size"

// oneLine is a text without line breaks.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// State is what one look tells; how long it has been so, only the guard knows.
func (o Observation) State() State {
	switch {
	case o.Configured == names && o.Sync && o.Streaming:
		return Zero
	case o.Configured == names:
		return Waiting
	}
	return Degraded
}
