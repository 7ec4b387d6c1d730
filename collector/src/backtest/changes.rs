//! What changed about the rules in force, and so looks back by itself.

use std::collections::HashMap;

use soc_rules::Rule;

use super::draft::Asked;
use super::job::{forget, insert};
use super::{Backtests, Error};
use crate::rulebook::Book;

/// A rule that was away for less than this was not away: somebody was in the middle of writing.
const AWAY_US: i64 = 86_400_000_000;

#[derive(sqlx::FromRow)]
struct Known {
    rule: String,
    meaning: String,
    lists: String,
    gone_at: Option<i64>,
}

/// A rule as it is now.
struct Now<'b> {
    rule: &'b Rule,
    meaning: String,
    lists: String,
}

const REASONS: [&str; 3] = ["rule_added", "rule_changed", "list_changed"];

impl Backtests {
    /// Notes what the rules mean now; those that mean something else than before look back, each
    /// reason in one pass. At the very first start nothing does: nothing older was kept.
    pub(super) async fn compare(&self) -> Result<(), Error> {
        let rooms = &self.0.rooms;
        let book = rooms.rulebook.current();
        let (now, mut tx) = (rooms.clock.now(), rooms.store.write().await?);
        let rows: Vec<Known> =
            sqlx::query_as("SELECT rule, meaning, lists, gone_at FROM backtest_rule")
                .fetch_all(&mut *tx)
                .await?;
        let is_first = rows.is_empty();
        let mut known: HashMap<&str, &Known> =
            rows.iter().map(|row| (row.rule.as_str(), row)).collect();
        let mut passes: [Vec<(String, String)>; 3] = Default::default();
        for one in rules(&book) {
            let before = known.remove(one.rule.id.as_str());
            let reason = reason(&one, before, now.as_micros());
            if reason.is_none() && before.is_some_and(|before| before.gone_at.is_none()) {
                continue;
            }
            sqlx::query(
                "INSERT OR REPLACE INTO backtest_rule (rule, meaning, lists) VALUES (?, ?, ?)",
            )
            .bind(&one.rule.id)
            .bind(&one.meaning)
            .bind(&one.lists)
            .execute(&mut *tx)
            .await?;
            let place = reason.and_then(|reason| passes.get_mut(reason)).filter(|_| !is_first);
            if let Some(place) = place {
                place.push((one.rule.id.clone(), one.rule.title.en.clone()));
            }
        }
        for gone in known.values().filter(|row| row.gone_at.is_none()) {
            sqlx::query("UPDATE backtest_rule SET gone_at = ? WHERE rule = ?")
                .bind(now.as_micros())
                .bind(&gone.rule)
                .execute(&mut *tx)
                .await?;
        }
        let back = i64::try_from(self.0.config.range.as_micros()).unwrap_or(i64::MAX);
        let range = (now.plus_micros(back.saturating_neg()), now);
        for (reason, rules) in REASONS.iter().zip(passes).filter(|(_, rules)| !rules.is_empty()) {
            for (rule, _) in &rules {
                supersede(&mut tx, rule).await?;
            }
            tracing::info!(rules = rules.len(), reason, "rules look back");
            insert(&mut tx, &Asked { rules, draft: Vec::new() }, reason, "", range, now).await?;
        }
        forget(&mut tx).await?;
        tx.commit().await?;
        self.tell();
        Ok(())
    }
}

/// Rules that alert; those that only serve correlations count with them.
fn rules(book: &Book) -> impl Iterator<Item = Now<'_>> {
    let rules = book.ruleset.rules().iter().enumerate().filter(|(_, rule)| rule.alerts);
    rules.map(|(number, rule)| Now {
        rule,
        meaning: book.ruleset.meaning(number).unwrap_or_default(),
        lists: book.ruleset.lists(number, &book.options).unwrap_or_default(),
    })
}

/// Why a rule looks back, by its place in [`REASONS`].
fn reason(now: &Now<'_>, before: Option<&Known>, at: i64) -> Option<usize> {
    let Some(before) = before else { return Some(0) };
    if before.gone_at.is_some_and(|gone| at.saturating_sub(gone) > AWAY_US) {
        Some(0)
    } else if before.meaning != now.meaning {
        Some(1)
    } else if before.lists != now.lists {
        Some(2)
    } else {
        None
    }
}

/// What waits for the rule as it was has no meaning any more.
async fn supersede(tx: &mut sqlx::SqliteConnection, rule: &str) -> sqlx::Result<()> {
    sqlx::query(
        "DELETE FROM backtest WHERE rule = ? AND state = 'waiting' AND pass IN
             (SELECT id FROM backtest_pass WHERE reason <> 'asked' AND began_at IS NULL)",
    )
    .bind(rule)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "DELETE FROM backtest_pass WHERE began_at IS NULL
             AND NOT EXISTS (SELECT 1 FROM backtest WHERE pass = backtest_pass.id)",
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}
