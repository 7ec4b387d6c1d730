use soc_event::{Event, Fields, Value};

use super::{Line, record, syscall};
use crate::text::{Moment, put};

/// The fields of which every record of an event may have one: all are kept, in order.
const LISTED: [&str; 6] = ["name", "nametype", "inode", "mode", "ouid", "objtype"];
/// Arguments of a program that stand in the command line.
const ARGUMENTS_MAX: usize = 256;

/// One event of several records, in the order they came.
///
/// `type` is the list of their types and `name` that of their paths. Registers of a system call
/// (`a0` of `SYSCALL`) give way to the arguments of the program it started (`a0` of `EXECVE`); of
/// any other name that comes twice the first stands. A program that was started is Sigma's
/// `process_creation`, too: `Image`, `CommandLine`, `CurrentDirectory`, `ProcessId`,
/// `ParentProcessId`, `User`.
pub(super) fn fill(lines: &[Line<'_>], moment: Moment<'_>, event: &mut Event) {
    let Some(first) = lines.first() else { return };
    super::head(first, moment, event);
    let (mut types, mut bodies): (Vec<Value>, Vec<&str>) = (Vec::new(), Vec::new());
    let has_arguments = lines.iter().any(|line| line.kind == "EXECVE");
    for line in lines {
        let mut one = Event::new(event.time, event.kind.clone(), event.logsource.clone());
        record(line.kind, line.body, &mut one);
        if line.kind == "SYSCALL" && has_arguments {
            one.fields.retain(|name, _| !is_register(name));
        }
        take(one.fields, &mut event.fields);
        let kind = Value::from(line.kind);
        if !types.contains(&kind) {
            types.push(kind);
        }
        bodies.push(line.body);
    }
    put(&mut event.fields, "type", Value::List(types));
    put(&mut event.fields, "message", bodies.join("\n"));
}

/// Adds what follows from the fields: the name of the call, and the program that was started.
pub(super) fn conclude(event: &mut Event) {
    let fields = &mut event.fields;
    if !fields.contains_key("SYSCALL")
        && let (Some(arch), Some(number)) = (text(fields, "arch"), text(fields, "syscall"))
        && let Some(name) = syscall::name(arch, number)
    {
        put(fields, "SYSCALL", name);
    }
    let started = matches!(text(fields, "SYSCALL"), Some("execve" | "execveat"))
        && text(fields, "success") == Some("yes");
    if started && fields.contains_key("argc") {
        process_creation(event);
    }
}

fn process_creation(event: &mut Event) {
    event.logsource.category = Some("process_creation".to_owned());
    let fields = &mut event.fields;
    if let Some(line) = command_line(fields) {
        put(fields, "CommandLine", line);
    }
    let user = match text(fields, "UID").or(text(fields, "uid")) {
        Some("0") => Some("root".to_owned()),
        other => other.map(str::to_owned),
    };
    for (name, value) in [
        ("Image", text(fields, "exe").map(str::to_owned)),
        ("CurrentDirectory", text(fields, "cwd").map(str::to_owned)),
        ("ProcessId", text(fields, "pid").map(str::to_owned)),
        ("ParentProcessId", text(fields, "ppid").map(str::to_owned)),
        ("User", user),
    ] {
        if let Some(value) = value {
            put(fields, name, value);
        }
    }
}

/// The arguments behind each other; the kernel cuts `proctitle` at 128 bytes, so it is second.
fn command_line(fields: &Fields) -> Option<String> {
    let names = (0..ARGUMENTS_MAX).map(|index| format!("a{index}"));
    let words: Vec<&str> = names.map_while(|name| text(fields, &name)).collect();
    if words.is_empty() {
        return text(fields, "proctitle").map(str::to_owned);
    }
    Some(words.join(" "))
}

fn take(from: Fields, into: &mut Fields) {
    for (name, value) in from {
        match into.get_mut(&name) {
            Some(held) if LISTED.contains(&name.as_str()) => append(held, value),
            Some(_) => {}
            None => drop(into.insert(name, value)),
        }
    }
}

fn append(held: &mut Value, value: Value) {
    match held {
        Value::List(values) if values.len() < soc_event::limits::LIST_MAX => values.push(value),
        Value::List(_) => {}
        one => {
            let first = std::mem::replace(one, Value::Null);
            *one = Value::List(vec![first, value]);
        }
    }
}

fn is_register(name: &str) -> bool {
    matches!(name, "a0" | "a1" | "a2" | "a3")
}

fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Value::as_text)
}
