//! The same done to many alerts at once.

use serde::Serialize;
use soc_archive::Agencies;
use utoipa::ToSchema;

use super::operate::{check, current};
use super::{Alerts, Change, Error, Filter};
use crate::access::Caller;
use crate::live::Notice;

/// Alerts of one request at the most: it is one transaction, and detection waits for it.
pub const BULK_MAX: usize = 5000;

/// Which alerts.
#[derive(Clone, Debug, PartialEq)]
pub enum Which {
    /// These.
    Ids(Vec<String>),
    /// All that pass a filter, of which the person saw so many: are there others by now, nothing is
    /// done.
    Matching(Box<Filter>, i64),
}

/// What became of one alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Outcome {
    /// Which.
    pub id: String,
    /// Why nothing was done to it; none where it was done.
    pub refused: Option<String>,
}

impl Alerts {
    /// Does it to each in one transaction; those that cannot be changed are left as they are.
    ///
    /// # Errors
    /// [`Error`] of the whole: nothing was done then.
    pub async fn operate_all(
        &self,
        which: Which,
        change: &Change,
        seen: &Agencies,
        caller: &Caller,
    ) -> Result<Vec<Outcome>, Error> {
        check(change)?;
        let mut tx = self.store.write().await?;
        // Nobody writes beside this transaction: what is read now stays so.
        let ids = match which {
            Which::Ids(ids) => ids,
            Which::Matching(filter, count) => {
                let (ids, now) = self.ids(&mut tx, &filter).await?;
                if now != count {
                    return Err(Error::CountChanged(now));
                }
                ids
            }
        };
        if ids.len() > BULK_MAX {
            return Err(Error::TooMany);
        }
        let (mut outcomes, mut notices) = (Vec::with_capacity(ids.len()), Vec::new());
        for id in ids {
            let done = match current(&mut tx, &id, seen).await {
                Ok(alert) => {
                    let done = self.apply(&mut tx, (&id, &alert), change, caller).await;
                    done.map(|()| {
                        notices.push(Notice::Alert { id: id.clone(), agency: alert.agency })
                    })
                }
                Err(error) => Err(error),
            };
            let refused = match done {
                Ok(()) => None,
                Err(error @ (Error::Sql(_) | Error::Row(_))) => return Err(error),
                Err(error) => Some(error.to_string()),
            };
            outcomes.push(Outcome { id, refused });
        }
        tx.commit().await?;
        notices.into_iter().for_each(|notice| self.bus.tell(notice));
        Ok(outcomes)
    }
}
