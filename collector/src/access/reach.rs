//! Whose data an operator may see.

use soc_archive::Agencies;

use super::{Access, Error, Operator};

impl Access {
    /// The agencies an operator may see, as the tree is now: all, or theirs and all below them.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub async fn reach(&self, operator: &Operator) -> Result<Agencies, Error> {
        let mut reach = Agencies::All;
        if !operator.whole {
            reach = Agencies::Of(self.below(&operator.agencies).await?);
        }
        if let Some(limit) = operator.limited_to {
            reach = meet(reach, self.below(&[limit]).await?);
        }
        Ok(reach)
    }

    async fn below(&self, agencies: &[i64]) -> Result<std::collections::BTreeSet<i64>, Error> {
        Ok(crate::fleet::visible(&self.store, agencies).await?)
    }
}

/// Those that are in both.
pub(crate) fn meet(reach: Agencies, others: std::collections::BTreeSet<i64>) -> Agencies {
    match reach {
        Agencies::All => Agencies::Of(others),
        Agencies::Of(own) => Agencies::Of(own.intersection(&others).copied().collect()),
    }
}

/// A list for `agency IN (SELECT value FROM json_each(?))`; none where it is all.
pub(crate) fn listed(agencies: &Agencies) -> Option<String> {
    match agencies {
        Agencies::All => None,
        Agencies::Of(ids) => Some(serde_json::json!(ids).to_string()),
    }
}
