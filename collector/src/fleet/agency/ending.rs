//! How agencies end: dissolved, merged, split. What they had goes to their successors; they stay in
//! the tree below the first of those, with all that was written down under their name.

use super::change::{Standing, Work};
use super::order::{Part, Target};
use crate::fleet::Error;

/// Machines named in one change at the most.
const MACHINES_MAX: usize = 20_000;

impl Work<'_> {
    pub(super) async fn dissolve(
        &mut self,
        code: &str,
        successor: Option<&str>,
    ) -> Result<(), Error> {
        let agency = self.live(code).await?;
        let successor = match successor {
            Some(code) => Some(self.live(code).await?.id),
            None => agency.parent,
        };
        let Some(successor) = successor else {
            let what = format!("nothing is above {code}: say who takes it over");
            return Err(Error::Refused(what));
        };
        self.may_be_below(Some(successor))?;
        self.end(agency, &[successor]).await
    }

    pub(super) async fn merge(&mut self, codes: &[String], into: &Target) -> Result<(), Error> {
        let others: Vec<&String> = codes.iter().filter(|code| **code != into.code).collect();
        let Some(first) = others.first() else {
            return Err(Error::Refused("say which agencies are merged".to_owned()));
        };
        let beside = self.live(first).await?.parent;
        let successor = self.target(into, beside).await?;
        for code in others {
            let agency = self.live(code).await?;
            self.end(agency, &[successor]).await?;
        }
        Ok(())
    }

    pub(super) async fn split(&mut self, code: &str, parts: &[Part]) -> Result<(), Error> {
        let agency = self.live(code).await?;
        if parts.len() < 2
            || parts.iter().map(|part| part.machines.len()).sum::<usize>() > MACHINES_MAX
        {
            return Err(Error::Refused("a split has at least two parts".to_owned()));
        }
        let mut successors = Vec::new();
        for part in parts {
            let successor = self.target(&part.into, agency.parent).await?;
            if successors.contains(&successor) {
                return Err(Error::Refused(format!("{} is named twice", part.into.code)));
            }
            successors.push(successor);
        }
        for (part, successor) in parts.iter().zip(&successors) {
            for machine in &part.machines {
                self.hand_over_machine(&agency, machine, *successor).await?;
            }
            for code in &part.agencies {
                let child = self.live(code).await?;
                if child.parent != Some(agency.id) {
                    let what = format!("{code} is not below {}", agency.code);
                    return Err(Error::Refused(what));
                }
                self.rehome(&child, Some(*successor)).await?;
            }
        }
        self.end(agency, &successors).await
    }

    /// The agency that takes over, made if it is new.
    async fn target(&mut self, target: &Target, beside: Option<i64>) -> Result<i64, Error> {
        let Some(name) = &target.name else { return Ok(self.live(&target.code).await?.id) };
        let parent = match &target.parent {
            Some(code) => Some(self.live(code).await?.id),
            None => beside,
        };
        self.add(&target.code, name, parent).await
    }

    async fn hand_over_machine(
        &mut self,
        agency: &Standing,
        machine: &str,
        to: i64,
    ) -> Result<(), Error> {
        let done = sqlx::query(
            "UPDATE agent SET agency = ?1, formerly = json_insert(formerly, '$[#]', ?2)
             WHERE id = ?3 AND agency = ?2",
        )
        .bind(to)
        .bind(agency.id)
        .bind(machine)
        .execute(&mut *self.tx)
        .await?;
        if done.rows_affected() == 0 {
            let what = format!("{machine:?} is no machine of {}", agency.code);
            return Err(Error::Refused(what));
        }
        self.done.outcome.machines += 1;
        Ok(())
    }

    /// Ends it. What has not been given away goes to the first successor.
    async fn end(&mut self, agency: Standing, successors: &[i64]) -> Result<(), Error> {
        let Some(first) = successors.first().copied() else {
            return Err(Error::Refused("an agency that ends has a successor".to_owned()));
        };
        if successors.contains(&agency.id) {
            return Err(Error::Refused(format!("{} cannot take itself over", agency.code)));
        }
        self.remember(&agency).await?;
        self.tell("ended", (agency.id, &agency.code, &agency.name), Some(first)).await?;
        self.lift(&agency, first).await?;
        let children: Vec<i64> = sqlx::query_scalar(
            "SELECT id FROM agency WHERE parent = ? AND valid_until IS NULL ORDER BY code",
        )
        .bind(agency.id)
        .fetch_all(&mut *self.tx)
        .await?;
        for child in children {
            let child = self.by_id(child).await?;
            self.rehome(&child, Some(first)).await?;
        }
        sqlx::query("UPDATE agency SET parent = ?, valid_until = ? WHERE id = ?")
            .bind(first)
            .bind(&self.day)
            .bind(agency.id)
            .execute(&mut *self.tx)
            .await?;
        for (place, successor) in (0_i64..).zip(successors) {
            sqlx::query("INSERT INTO agency_successor (successor, agency, place) VALUES (?, ?, ?)")
                .bind(successor)
                .bind(agency.id)
                .bind(place)
                .execute(&mut *self.tx)
                .await?;
            self.is_about(*successor).await?;
        }
        self.hand_over(&agency, first).await?;
        self.done.rehomed.push(agency.id);
        self.done.ended.push((agency.id, successors.to_vec()));
        Ok(())
    }

    /// A successor from below the agency that ends first takes its place, with whoever is between.
    async fn lift(&mut self, agency: &Standing, successor: i64) -> Result<(), Error> {
        let mut at = self.by_id(successor).await?;
        let mut depth = 0;
        while let Some(parent) = at.parent.filter(|_| depth < super::change::DEPTH_MAX) {
            if parent == agency.id {
                return self.rehome(&at, agency.parent).await;
            }
            at = self.by_id(parent).await?;
            depth += 1;
        }
        Ok(())
    }

    /// It stands elsewhere because the agency above it ends.
    async fn rehome(&mut self, agency: &Standing, parent: Option<i64>) -> Result<(), Error> {
        self.place(agency, parent).await?;
        self.done.rehomed.push(agency.id);
        Ok(())
    }

    /// Machines, tokens, systems and decisions about neighbours.
    async fn hand_over(&mut self, agency: &Standing, to: i64) -> Result<(), Error> {
        let mut count = async |sql: &'static str| -> Result<i64, Error> {
            let done = sqlx::query(sql).bind(to).bind(agency.id).execute(&mut *self.tx).await?;
            Ok(i64::try_from(done.rows_affected()).unwrap_or(i64::MAX))
        };
        let machines = count(
            "UPDATE agent SET agency = ?1, formerly = json_insert(formerly, '$[#]', ?2)
             WHERE agency = ?2",
        )
        .await?;
        let tokens = count("UPDATE enrolment_token SET agency = ?1 WHERE agency = ?2").await?;
        let systems = count(
            "UPDATE information_system SET
                owner = CASE owner WHEN ?2 THEN ?1 ELSE owner END,
                operator = CASE operator WHEN ?2 THEN ?1 ELSE operator END,
                version = version + 1
             WHERE owner = ?2 OR operator = ?2",
        )
        .await?;
        count(
            "INSERT OR IGNORE INTO neighbour_decision
                (agency, mac, decision, reason, decided_by, decided_at)
             SELECT ?1, mac, decision, reason, decided_by, decided_at
             FROM neighbour_decision WHERE agency = ?2",
        )
        .await?;
        let outcome = &mut self.done.outcome;
        outcome.machines += machines;
        outcome.tokens += tokens;
        outcome.systems += systems;
        Ok(())
    }
}
