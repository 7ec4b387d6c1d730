use serde::{Deserialize, Serialize};
use soc_archive::Agencies;
use soc_archive::hunt::{Chosen, Language, Request};
use soc_event::Timestamp;
use tokio::sync::mpsc;

use super::{Control, Error};
use crate::access::Caller;
use crate::hunt;

/// A hunt from the command line, by somebody who may see everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What is asked.
    pub query: String,
    /// Whether it is a search; else it is SQL.
    pub is_search: bool,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// Most rows.
    pub limit: Option<usize>,
}

impl Control {
    /// Asks; the answer comes as lines of JSON, as the API sends them. Dropping it stops the hunt.
    ///
    /// # Errors
    /// [`Error::Refused`] with the reason.
    pub async fn hunt(&self, question: Question) -> Result<mpsc::Receiver<String>, Error> {
        let Question { query, is_search, from, to, limit } = question;
        let language = if is_search { Language::Search } else { Language::Sql };
        let (agencies, chosen) = (Agencies::All, Chosen::Events);
        let request = Request { query, language, from, to, agencies, limit, chosen };
        let caller = Caller { who: "command".into(), address: "local".into() };
        let asked = self.hunts.ask(&caller, request).await;
        let mut asked = asked.map_err(|error| Error::Refused(error.to_string()))?;
        let (sender, lines) = mpsc::channel(2);
        tokio::spawn(async move {
            while let Some(part) = asked.parts.recv().await {
                let line = format!("{}\n", hunt::line(&asked.id, &part));
                if sender.send(line).await.is_err() {
                    return;
                }
            }
        });
        Ok(lines)
    }
}
