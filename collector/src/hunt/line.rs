use serde_json::{Value, json};
use soc_archive::hunt::{self as engine, Part};

/// A part of an answer as a line of JSON, as the API and the local socket send it.
pub(crate) fn line(id: &str, part: &Part) -> Value {
    match part {
        Part::Waiting(before) => json!({ "type": "waiting", "id": id, "before": before }),
        Part::Begin { sql, columns, notes } => {
            let columns = columns.fields().iter();
            let columns: Vec<Value> = columns
                .map(|field| json!({ "name": field.name(), "type": engine::kind(field.data_type()) }))
                .collect();
            json!({ "type": "begin", "id": id, "sql": sql, "columns": columns, "notes": notes })
        }
        Part::Rows(batch) => json!({ "type": "rows", "rows": engine::json(batch) }),
        Part::Progress { files_done, files, rows_read } => json!({
            "type": "progress", "files_done": files_done, "files": files, "rows_read": rows_read,
        }),
        Part::End { rows, took, is_cut, completeness } => json!({
            "type": "end", "rows": rows, "seconds": took.as_secs_f64(), "is_cut": is_cut,
            "completeness": completeness,
        }),
        Part::Failed(error) => {
            let (title, position) = match error {
                engine::Error::Question { position, .. } => {
                    ("The question is not right", *position)
                }
                engine::Error::Limit(_) => ("The hunt needs too much", None),
                engine::Error::Damaged { .. } => ("A file is damaged", None),
                engine::Error::Failed(_) => ("The hunt failed", None),
            };
            json!({
                "type": "error", "title": title, "detail": error.to_string(), "position": position,
            })
        }
    }
}
