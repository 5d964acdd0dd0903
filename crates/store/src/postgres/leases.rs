//! Leases on requests. Only the database's clock counts, so replicas' clocks may differ.

use super::{
    session::{Session, SessionError},
    Mark,
};
use crate::{from_sql, to_sql};
use llm_oracle_primitives::RequestId;

/// Requests that one replica holds at most: a backlog is shared, and renewing stays cheap.
const LEASES_MAX: i64 = 2_000;

/// Takes and renews leases in one statement.
///
/// A replica renews its leases when less than half of their time is left. It takes free requests until
/// it has its share: the wanted requests divided by the number of live replicas. Rows that another
/// replica is taking at the same moment are skipped. A replica that holds as many as it may gives those up that are
/// due last for free ones that are due sooner.
const TAKE: &str = "
WITH clock AS MATERIALIZED (
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms
), wanted AS MATERIALIZED (
    SELECT * FROM unnest($1::bigint[]) WITH ORDINALITY AS w (request_id, place)
), alive AS (
    INSERT INTO replicas AS r (replica, until_ms) SELECT $2::bytea, ms + $3::bigint FROM clock
    ON CONFLICT (replica) DO UPDATE SET until_ms = greatest(r.until_ms, excluded.until_ms)
), gone AS (
    DELETE FROM replicas WHERE replica IN (
        SELECT replica FROM replicas, clock WHERE replica <> $2 AND until_ms < ms - 60 * $3
        FOR UPDATE OF replicas SKIP LOCKED)
), ended AS (
    DELETE FROM leases WHERE request_id IN (
        SELECT request_id FROM leases, clock WHERE until_ms < ms - $3 AND NOT EXISTS
            (SELECT 1 FROM wanted WHERE wanted.request_id = leases.request_id)
        FOR UPDATE OF leases SKIP LOCKED)
), share AS (
    SELECT least($4::bigint, ceil((SELECT count(*) FROM wanted)::numeric
        / (1 + (SELECT count(*) FROM replicas, clock WHERE until_ms > ms AND replica <> $2))))
        ::bigint AS most
), held AS MATERIALIZED (
    SELECT request_id, place FROM leases JOIN wanted USING (request_id), clock
    WHERE replica = $2 AND until_ms > ms
), room AS MATERIALIZED (
    SELECT n >= $4 AS is_full, CASE WHEN n >= $4 THEN $4 ELSE greatest(0, most - n) END AS more
    FROM share, (SELECT count(*) AS n FROM held) AS held_now
), free AS MATERIALIZED (
    SELECT leases.request_id, place FROM leases JOIN wanted USING (request_id), clock
    WHERE until_ms <= ms ORDER BY place LIMIT (SELECT more FROM room)
    FOR UPDATE OF leases SKIP LOCKED
), new AS MATERIALIZED (
    SELECT request_id, place FROM wanted
    WHERE NOT EXISTS (SELECT 1 FROM leases WHERE leases.request_id = wanted.request_id)
    ORDER BY place
    LIMIT (SELECT CASE WHEN is_full THEN more
                  ELSE greatest(0, more - (SELECT count(*) FROM free)) END FROM room)
), chosen AS MATERIALIZED (
    SELECT request_id FROM (SELECT request_id, place FROM held UNION ALL
        SELECT request_id, place FROM free UNION ALL SELECT request_id, place FROM new) AS candidates
    ORDER BY place LIMIT $4
), moved AS (
    UPDATE leases SET replica = $2, until_ms = ms + $3 FROM clock
    WHERE request_id IN (SELECT request_id FROM free JOIN chosen USING (request_id))
    OR (replica = $2 AND until_ms > ms AND until_ms < ms + $3 / 2
        AND request_id IN (SELECT request_id FROM held JOIN chosen USING (request_id)))
), released AS (
    UPDATE leases SET until_ms = ms FROM clock
    WHERE replica = $2 AND until_ms > ms AND request_id IN (SELECT request_id FROM held)
    AND request_id NOT IN (SELECT request_id FROM chosen)
), first AS (
    INSERT INTO leases (request_id, replica, until_ms)
    SELECT request_id, $2, ms + $3 FROM new JOIN chosen USING (request_id), clock
    ON CONFLICT DO NOTHING RETURNING request_id
)
SELECT request_id FROM held JOIN chosen USING (request_id)
UNION SELECT request_id FROM free JOIN chosen USING (request_id) UNION SELECT request_id FROM first";

pub(super) async fn take(
    session: &mut Session,
    wanted: &[RequestId],
    replica: &Mark,
    lease_ms: i64,
) -> Result<Vec<RequestId>, SessionError> {
    let ids: Result<Vec<i64>, _> = wanted.iter().copied().map(to_sql).collect();
    let rows = session
        .rows(TAKE, &[&ids?, &replica.as_slice(), &lease_ms, &LEASES_MAX])
        .await?;
    let read = |row: &tokio_postgres::Row| Ok(from_sql(row.try_get(0)?)?);
    rows.iter().map(read).collect()
}

/// Releases all leases of this replica.
pub(super) async fn release(session: &mut Session, replica: &Mark) -> Result<(), SessionError> {
    let sql = "WITH left_behind AS (DELETE FROM replicas WHERE replica = $1)
               DELETE FROM leases WHERE replica = $1";
    session.execute(sql, &[&replica.as_slice()]).await?;
    Ok(())
}
