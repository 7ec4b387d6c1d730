//! The section `[oidc]`: an identity provider.

use std::path::PathBuf;

use super::reader::Section;
use super::value;
use crate::access::oidc::Settings;

const REQUIRED: [&str; 4] = ["issuer", "client_id", "client_secret_file", "public_url"];

/// The section, where there is one.
pub(super) fn read(section: &mut Section<'_, '_>) -> Option<Settings> {
    let mut settings = Settings {
        issuer: String::new(),
        client_id: String::new(),
        client_secret_file: PathBuf::new(),
        public_url: String::new(),
        claim: "sub".into(),
        label: "SSO".into(),
        ca_file: None,
    };
    section.read("issuer", &mut settings.issuer, value::web_address);
    section.read("client_id", &mut settings.client_id, value::text);
    let file = &mut settings.client_secret_file;
    section.read("client_secret_file", file, |it| value::text(it).map(PathBuf::from));
    section.read("public_url", &mut settings.public_url, value::web_address);
    section.read("claim", &mut settings.claim, value::text);
    section.read("label", &mut settings.label, value::text);
    section.read("ca_file", &mut settings.ca_file, |it| value::text(it).map(|it| Some(it.into())));
    if !section.is_there() {
        return None;
    }
    REQUIRED.into_iter().for_each(|key| section.require(key));
    Some(settings)
}
