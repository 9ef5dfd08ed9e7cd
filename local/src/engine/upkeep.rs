//! Keeps the engine's stream table short and quick, inside the engine's own database.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use rusqlite::Connection;

use super::in_process::Turn;

/// The engine keeps this many stream records, so that memory does not grow for ever.
const STREAM_RECORDS: u32 = 10_000;

/// Tells the engine how far a stream has been applied: it trims nothing beyond.
#[derive(Clone)]
pub(crate) struct Applied {
    /// A database in memory lives as long as a connection to it, so this one is held.
    connection: Arc<Mutex<Connection>>,
    turn: Turn,
}

impl Applied {
    /// Prepares the database at `path`, which the engine has opened.
    pub(super) fn start(path: &str, turn: Turn) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(&stream_upkeep()).context("preparing the engine's stream table")?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)), turn })
    }

    /// The stream of `table` has been applied up to this record. Whether the engine could be told: it may be at work
    /// just now.
    pub(crate) fn up_to(&self, table: &str, sequence: &str) -> bool {
        let Some(sequence) = stored(sequence) else {
            tracing::warn!(sequence, "no sequence number of the engine's: its stream is not trimmed");
            return false;
        };
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(connection) = self.connection.lock() else { return false };
        let told = connection.execute(
            "INSERT INTO user_sessions_applied_up_to (table_name, sequence) VALUES (?1, ?2)
             ON CONFLICT (table_name) DO UPDATE SET sequence = excluded.sequence",
            (table, sequence),
        );
        told.inspect_err(
            |cause| tracing::debug!(%cause, "the engine is not told how far its stream was applied"),
        )
        .is_ok()
    }
}

/// The engine looks for the newest stream record at each write, without an index, and never deletes one: a write
/// would take longer and longer. An index keeps the time the same, and a trigger deletes old records that have been
/// applied, inside the engine's own transaction, where no second writer gets in its way. Both rest on the engine's
/// private schema, so its version is pinned.
///
/// The trigger finds what it deletes by row id: from the oldest record up to the newest that has been applied, and not
/// the newest ones. So it reads no record that stays, however many there are. The unary plus keeps the query from going by
/// the index, in which it would read all that have been applied. (Records of a table that nobody reads stay, and are read
/// again and again; the template has no such table.)
fn stream_upkeep() -> String {
    format!(
        "CREATE INDEX IF NOT EXISTS user_sessions_newest
             ON _stream_records (table_name, CAST(sequence_number AS INTEGER));
         CREATE TABLE IF NOT EXISTS user_sessions_applied_up_to
             (table_name TEXT PRIMARY KEY, sequence INTEGER NOT NULL);
         DROP TRIGGER IF EXISTS user_sessions_trim;
         CREATE TRIGGER user_sessions_trim AFTER INSERT ON _stream_records BEGIN
             DELETE FROM _stream_records
             WHERE id <= MIN(
                     NEW.id - {STREAM_RECORDS},
                     (SELECT id FROM _stream_records
                      WHERE table_name = NEW.table_name
                        AND CAST(sequence_number AS INTEGER)
                            <= (SELECT sequence FROM user_sessions_applied_up_to WHERE table_name = NEW.table_name)
                      ORDER BY CAST(sequence_number AS INTEGER) DESC LIMIT 1))
               AND +table_name = NEW.table_name
               AND +CAST(sequence_number AS INTEGER)
                   <= (SELECT sequence FROM user_sessions_applied_up_to WHERE table_name = NEW.table_name);
         END;"
    )
}

/// The engine adds this to the numbers that it stores, so that they have as many digits as Amazon's.
const SEQUENCE_OFFSET: u128 = 100_000_000_000_000_000_000;

/// The number that the engine stores for a record's public sequence number.
fn stored(sequence: &str) -> Option<i64> {
    sequence.parse::<u128>().ok()?.checked_sub(SEQUENCE_OFFSET)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use dynoxide::Database;
    use rusqlite::StatementStatus;
    use uuid::Uuid;

    use super::*;

    /// Adds a record of the table `Sessions` as the engine does.
    const INSERT: &str = "INSERT INTO _stream_records
             (table_name, event_name, keys_json, sequence_number, shard_id, created_at)
         SELECT 'Sessions', 'INSERT', '{}', COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1, 'shard', 0
         FROM _stream_records WHERE table_name = 'Sessions'";

    /// The steps of the engine's virtual machine that one more record takes, the trigger's included, when there were so many before
    /// and so many of them have been applied.
    fn steps(records: u32, applied: u32) -> i32 {
        let path = format!("file:user-sessions-{}?mode=memory&cache=shared", Uuid::new_v4());
        let _database = Database::new(&path).unwrap();
        let told = Applied::start(&path, Turn::default()).unwrap();
        let connection = Connection::open(&path).unwrap();
        let mut insert = connection.prepare(INSERT).unwrap();
        connection.execute_batch("BEGIN").unwrap();
        for _ in 0..records {
            insert.execute(()).unwrap();
        }
        connection.execute_batch("COMMIT").unwrap();
        let sequence = SEQUENCE_OFFSET + u128::from(applied);
        assert!(told.up_to("Sessions", &sequence.to_string()));
        // What can be trimmed is trimmed by the first.
        insert.execute(()).unwrap();
        insert.reset_status(StatementStatus::VmStep);
        insert.execute(()).unwrap();
        insert.get_status(StatementStatus::VmStep)
    }

    #[test]
    fn a_write_takes_no_longer_in_a_long_stream_whether_it_has_been_applied_or_not() {
        let alone = steps(0, 0);
        assert!(alone > 0);
        for applied in [0, 5_000, 15_000, 20_000] {
            let steps = steps(20_000, applied);
            assert!(
                steps < alone + 100,
                "{applied} of 20,000 applied: {steps} steps, {alone} in an empty stream"
            );
        }
    }
}
