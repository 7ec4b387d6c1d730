use soc_event::Fields;

use super::{pam, put};

/// What the tools of shadow-utils say about accounts and groups.
pub(super) fn fill(text: &str, fields: &mut Fields) {
    let known = created(text, fields)
        .or_else(|| member(text, fields))
        .or_else(|| deleted(text, fields))
        .or_else(|| changed(text, fields));
    if known.is_none() {
        pam::fill(text, fields);
    }
}

/// `new user: name=bob, UID=1001, GID=1001, home=/home/bob, shell=/bin/bash, from=/dev/pts/0`
fn created(text: &str, fields: &mut Fields) -> Option<()> {
    if let Some(rest) = text.strip_prefix("new user: ") {
        action("user_created", fields);
        put(fields, "user.target.name", pair(rest, "name=")?);
        if let Some(id) = pair(rest, ", UID=") {
            put(fields, "user.target.id", id);
        }
        return Some(());
    }
    let rest = text
        .strip_prefix("new group: ")
        .or_else(|| text.strip_prefix("group added to /etc/group: "))?;
    action("group_changed", fields);
    put(fields, "group.name", pair(rest, "name=")?);
    Some(())
}

/// `add 'bob' to group 'sudo'`, and gpasswd's `user bob added by root to group sudo`.
fn member(text: &str, fields: &mut Fields) -> Option<()> {
    let (word, user, group) = quoted_member(text).or_else(|| named_member(text))?;
    action(word, fields);
    put(fields, "user.target.name", user);
    put(fields, "group.name", group);
    Some(())
}

fn quoted_member(text: &str) -> Option<(&'static str, &str, &str)> {
    let (word, rest) = match text.strip_prefix("add '") {
        Some(rest) => ("group_member_added", rest),
        None => ("group_changed", text.strip_prefix("delete '")?),
    };
    let (user, rest) = rest.split_once('\'')?;
    let (middle, rest) = rest.split_once('\'')?;
    let known = [" to group ", " to shadow group ", " from group ", " from shadow group "];
    known.contains(&middle).then_some(())?;
    Some((word, user, rest.split_once('\'')?.0))
}

fn named_member(text: &str) -> Option<(&'static str, &str, &str)> {
    let (user, rest) = text.strip_prefix("user ")?.split_once(' ')?;
    let (word, rest) = match rest.strip_prefix("added by ") {
        Some(rest) => ("group_member_added", rest.split_once(" to group ")?.1),
        None => ("group_changed", rest.strip_prefix("removed by ")?.split_once(" from group ")?.1),
    };
    Some((word, user, rest))
}

/// `delete user 'bob'`; `removed group 'bob' owned by 'bob'`, `group 'bob' removed …`.
fn deleted(text: &str, fields: &mut Fields) -> Option<()> {
    if let Some(rest) = text.strip_prefix("delete user '") {
        action("user_deleted", fields);
        put(fields, "user.target.name", rest.split_once('\'')?.0);
        return Some(());
    }
    let rest = text
        .strip_prefix("removed group '")
        .or_else(|| text.strip_prefix("group '").filter(|rest| rest.contains("' removed")))?;
    action("group_changed", fields);
    put(fields, "group.name", rest.split_once('\'')?.0);
    Some(())
}

/// `change user 'bob' shell from …`, `lock user 'bob' password`, `password changed for bob`.
fn changed(text: &str, fields: &mut Fields) -> Option<()> {
    let quoted = ["change user '", "lock user '", "unlock user '"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix)?.split_once('\''))
        .map(|(user, _)| user);
    let user = match quoted {
        Some(user) => user,
        None => text.split_once("chauthtok): password changed for ")?.1,
    };
    action("user_changed", fields);
    put(fields, "user.target.name", user);
    Some(())
}

fn action(word: &str, fields: &mut Fields) {
    put(fields, "event.action", word);
}

/// The value after a key, until the next comma.
fn pair<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(key)?;
    rest.split(',').next()
}
