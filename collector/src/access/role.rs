//! What each role may do. The one place where it is said.

use Permission::{
    ApprovePorts, ChangeConfigurations, ChangeMachines, DraftRules, ForAnybody, HandleAlerts, Hunt,
    MakeTokens, ManageAgencies, ManageArchive, ManageOperators, ManageRules, SeeAgencies,
    SeeAlerts, SeeArchive, SeeAudit, SeeConfigurations, SeeEvents, SeeMachines, SeeOperators,
    SeeRules,
};

/// What an operator is there for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Runs the collector: operators, agencies, rules, settings, and all that others do.
    Administrator,
    /// Works the queue: alerts, machines, hunts.
    Handler,
    /// Hunts, writes rules and looks back with them; sees alerts and handles them.
    Analyst,
    /// Looks after the machines of an agency.
    Officer,
    /// Looks on, e.g. a wall screen.
    Viewer,
    /// Reads what operators did.
    Auditor,
}

/// What a request needs to be allowed. Every route names one.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Signed in, whoever it is.
    ForAnybody,
    /// Alerts and what they rest on.
    SeeAlerts,
    /// Take, close, comment, call normal.
    HandleAlerts,
    /// Machines, their state, and the network around them.
    SeeMachines,
    /// Say what a neighbour or a machine is.
    ChangeMachines,
    /// Say which ports may be open.
    ApprovePorts,
    /// Events as they came.
    SeeEvents,
    /// Ask questions to events, keep them, have them asked.
    Hunt,
    /// Agencies and systems.
    SeeAgencies,
    /// Make, name, move, merge agencies and systems.
    ManageAgencies,
    /// Tokens with which machines enrol.
    MakeTokens,
    /// Rules in force.
    SeeRules,
    /// Check rules, run them over what is stored.
    DraftRules,
    /// What is in force, and for whom.
    ManageRules,
    /// What agents are told.
    SeeConfigurations,
    /// Tell agents otherwise.
    ChangeConfigurations,
    /// What is kept and for how long.
    SeeArchive,
    /// Keep it longer, or not.
    ManageArchive,
    /// What operators did.
    SeeAudit,
    /// Operators and their sessions.
    SeeOperators,
    /// Add operators, change what they may do, end their sessions.
    ManageOperators,
}

const OFFICER: &[Permission] = &[
    ForAnybody,
    SeeAlerts,
    HandleAlerts,
    SeeMachines,
    ChangeMachines,
    ApprovePorts,
    SeeEvents,
    SeeAgencies,
    MakeTokens,
    SeeRules,
    SeeConfigurations,
];
const HANDLER: &[Permission] = &[
    ForAnybody,
    SeeAlerts,
    HandleAlerts,
    SeeMachines,
    ChangeMachines,
    ApprovePorts,
    SeeEvents,
    Hunt,
    SeeAgencies,
    SeeRules,
    SeeConfigurations,
    SeeArchive,
];
const ANALYST: &[Permission] = &[
    ForAnybody,
    SeeAlerts,
    HandleAlerts,
    SeeMachines,
    SeeEvents,
    Hunt,
    SeeAgencies,
    SeeRules,
    DraftRules,
    ManageRules,
    SeeConfigurations,
    SeeArchive,
];
const VIEWER: &[Permission] = &[ForAnybody, SeeAlerts, SeeMachines, SeeAgencies, SeeRules];
const AUDITOR: &[Permission] = &[ForAnybody, SeeAgencies, SeeArchive, SeeAudit, SeeOperators];

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Administrator,
        Self::Handler,
        Self::Analyst,
        Self::Officer,
        Self::Viewer,
        Self::Auditor,
    ];

    /// As the database and the API have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Handler => "handler",
            Self::Analyst => "analyst",
            Self::Officer => "officer",
            Self::Viewer => "viewer",
            Self::Auditor => "auditor",
        }
    }

    /// The role of a word that [`Self::as_str`] gave.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// Whether it allows this. Whoever is bound to agencies is not allowed what is about all.
    pub fn may(self, permission: Permission, bound: bool) -> bool {
        if bound && permission.is_about_all() {
            return false;
        }
        match self {
            Self::Administrator => true,
            Self::Handler => HANDLER.contains(&permission),
            Self::Analyst => ANALYST.contains(&permission),
            Self::Officer => OFFICER.contains(&permission),
            Self::Viewer => VIEWER.contains(&permission),
            Self::Auditor => AUDITOR.contains(&permission),
        }
    }
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 21] = [
        ForAnybody,
        SeeAlerts,
        HandleAlerts,
        SeeMachines,
        ChangeMachines,
        ApprovePorts,
        SeeEvents,
        Hunt,
        SeeAgencies,
        ManageAgencies,
        MakeTokens,
        SeeRules,
        DraftRules,
        ManageRules,
        SeeConfigurations,
        ChangeConfigurations,
        SeeArchive,
        ManageArchive,
        SeeAudit,
        SeeOperators,
        ManageOperators,
    ];

    /// Whether it cannot be had for some agencies only.
    pub fn is_about_all(self) -> bool {
        matches!(self, DraftRules | ManageRules | SeeArchive | ManageArchive | SeeAudit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for role in Role::ALL {
            assert_eq!(Role::from_word(role.as_str()), Some(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert_eq!(Role::from_word("root"), None);
    }

    #[test]
    fn nobody_but_administrators_changes_what_others_may() {
        for role in Role::ALL {
            let is_administrator = role == Role::Administrator;
            for permission in [ManageOperators, ManageAgencies, ManageArchive] {
                assert_eq!(role.may(permission, false), is_administrator, "{role:?}");
            }
            assert!(!role.may(ManageRules, true), "{role:?} is bound");
            assert!(role.may(ForAnybody, true));
        }
    }
}
