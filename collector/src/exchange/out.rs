//! Tables that go out, in the columns that come in.

use soc_archive::Agencies;
use sqlx::{QueryBuilder, SqliteConnection};

use super::table::Column;
use super::{Error, What, machines, systems};
use crate::fleet::{Fleet, PageRequest, SystemFilter, push_agencies};
use crate::sheet::{self, Format};
use crate::store::Store;

/// Systems asked for at once.
const PAGE: u32 = 1000;

/// A table of what these agencies have. The header is in the language that is asked for; both are
/// understood when the table comes back.
///
/// # Errors
/// When the database cannot be read.
pub async fn write(
    store: &Store,
    fleet: &Fleet,
    what: What,
    which: &Agencies,
    format: Format,
    is_vietnamese: bool,
) -> Result<Vec<u8>, Error> {
    let name = |column: &Column| if is_vietnamese { column.vi } else { column.key }.to_owned();
    let mut connection = store.pool().acquire().await?;
    let mut rows = vec![what.columns().iter().map(name).collect()];
    rows.extend(match what {
        What::Agencies => agencies(&mut connection, which).await?,
        What::Systems => of_systems(fleet, which).await?,
        What::Machines => of_machines(&mut connection, which).await?,
    });
    let written =
        tokio::task::spawn_blocking(move || sheet::write(format, what.as_str(), &rows)).await;
    Ok(written.map_err(|error| sheet::Error::Write(error.to_string()))??)
}

async fn agencies(
    connection: &mut SqliteConnection,
    which: &Agencies,
) -> Result<Vec<Vec<String>>, Error> {
    let mut query = QueryBuilder::new(
        "SELECT agency.code, agency.name, COALESCE(above.code, '') FROM agency
         LEFT JOIN agency AS above ON above.id = agency.parent
         WHERE agency.valid_until IS NULL",
    );
    query.push(" AND ");
    push_agencies(&mut query, "agency.id", which);
    query.push(" ORDER BY agency.code");
    let rows: Vec<(String, String, String)> = query.build_query_as().fetch_all(connection).await?;
    Ok(rows.into_iter().map(|(code, name, parent)| vec![code, name, parent]).collect())
}

async fn of_systems(fleet: &Fleet, which: &Agencies) -> Result<Vec<Vec<String>>, Error> {
    let filter = SystemFilter::of(which.clone());
    let (mut rows, mut cursor) = (Vec::new(), None);
    loop {
        let page = fleet.systems(&filter, &PageRequest { limit: PAGE, cursor }).await?;
        rows.extend(
            page.items
                .iter()
                .map(|system| systems::cells(&system.draft).map(|(_, cell)| cell).to_vec()),
        );
        cursor = page.next;
        if cursor.is_none() {
            return Ok(rows);
        }
    }
}

async fn of_machines(
    connection: &mut SqliteConnection,
    which: &Agencies,
) -> Result<Vec<Vec<String>>, Error> {
    let world = machines::World::load(connection, which).await?;
    let row = |one: &machines::There| {
        let [person, place, purpose, serial, asset, support_end, note] =
            machines::cells(&one.draft).map(|(_, cell)| cell);
        let systems = world.systems_text(one);
        vec![
            one.agent.clone(),
            one.hostname.clone(),
            one.agency.clone(),
            person,
            place,
            purpose,
            serial,
            asset,
            support_end,
            systems,
            note,
        ]
    };
    Ok(world.machines.iter().map(row).collect())
}
