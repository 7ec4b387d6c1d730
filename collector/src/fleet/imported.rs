//! Machines whose logs were imported, and which have no agent.

use sha2::{Digest as _, Sha256};
use soc_event::AgentId;

use super::enrolment::short;
use super::{Error, Fleet};

impl Fleet {
    /// The machine of this name in an agency; made where there is none. The same names give the same
    /// machine for ever. It has no certificate: nobody can speak for it.
    ///
    /// # Errors
    /// [`Error::NoSuchAgency`], [`Error::Refused`] for a name that is none.
    pub async fn imported_machine(&self, agency: &str, host: &str) -> Result<AgentId, Error> {
        let agency = self.live_agency(agency).await?;
        let host = short(host.trim());
        if host.is_empty() || host.chars().any(char::is_control) {
            return Err(Error::Refused(format!("{host:?} is no name of a machine")));
        }
        let now = self.0.clock.now();
        let _moving = self.0.moving.lock().await;
        // One that came with a former agency keeps the id it was given there.
        let there: Option<String> = sqlx::query_scalar(
            "SELECT id FROM agent WHERE imported = 1 AND agency = ? AND lower(hostname) = ?
             ORDER BY enrolled_at, id LIMIT 1",
        )
        .bind(agency.id)
        .bind(host.to_lowercase())
        .fetch_optional(self.0.store.pool())
        .await?;
        let agent = match there {
            Some(id) => id.parse().map_err(Error::Content)?,
            None => id_of(agency.id, &host),
        };
        sqlx::query(
            "INSERT INTO agent (id, agency, hostname, fingerprint, os, version, key_hash,
                    enrolled_at, certificate_expires_at, revoked_at, imported)
             VALUES (?1, ?2, ?3, '', '', '', zeroblob(32), ?4, ?4, ?4, 1)
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(agent.to_string())
        .bind(agency.id)
        .bind(&host)
        .bind(now.as_micros())
        .execute(self.0.store.pool())
        .await?;
        self.0.known.imported(agent, &agency, &host);
        Ok(agent)
    }
}

/// Of version 8 (made of what the maker chose), so it is never one that an agent was given.
/// Source: RFC 9562, section 5.8.
fn id_of(agency: i64, host: &str) -> AgentId {
    let mut hash = Sha256::new();
    hash.update(b"soc imported machine\0");
    hash.update(agency.to_be_bytes());
    hash.update(host.to_lowercase().as_bytes());
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
    let [.., version, _, variant, _, _, _, _, _, _, _] = &mut bytes;
    *version = (*version & 0x0f) | 0x80;
    *variant = (*variant & 0x3f) | 0x80;
    AgentId::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_depend_on_agency_and_name_alone_and_are_no_agents() {
        let id = id_of(1, "PC-01");
        assert_eq!(id, id_of(1, "pc-01"));
        assert_ne!(id, id_of(2, "pc-01"));
        assert_ne!(id, id_of(1, "pc-02"));
        let text = id.to_string();
        assert_eq!(text.chars().nth(14), Some('8'), "{text}");
        assert!(text.chars().nth(19).is_some_and(|c| "89ab".contains(c)), "{text}");
    }
}
