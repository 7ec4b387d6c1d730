//! Columns by their names, in whichever order and of both languages they are.

use std::collections::HashMap;

use super::{FieldChange, Mistake, What, Wrong};
use crate::sheet::Row;

/// A column: its name, its Vietnamese name, and whether a table has to have it.
pub(super) struct Column {
    pub(super) key: &'static str,
    pub(super) vi: &'static str,
    is_needed: bool,
}

const fn needed(key: &'static str, vi: &'static str) -> Column {
    Column { key, vi, is_needed: true }
}

const fn column(key: &'static str, vi: &'static str) -> Column {
    Column { key, vi, is_needed: false }
}

const AGENCIES: &[Column] = &[
    needed("code", "Mã đơn vị"),
    needed("name", "Tên đơn vị"),
    column("parent", "Mã đơn vị cấp trên"),
];

const SYSTEMS: &[Column] = &[
    needed("code", "Mã hệ thống"),
    needed("name", "Tên hệ thống"),
    needed("level", "Cấp độ"),
    needed("owner", "Mã đơn vị chủ quản"),
    column("operator", "Mã đơn vị vận hành"),
    column("kind", "Loại"),
    column("approval", "Tình trạng hồ sơ"),
    column("decision", "Số quyết định"),
    column("approved_on", "Ngày phê duyệt"),
    column("rollout", "Triển khai phương án"),
    column("rollout_on", "Ngày hoàn thành"),
    column("checked", "Kiểm tra, đánh giá"),
    column("checked_on", "Ngày kiểm tra"),
    column("regulation", "Quy chế"),
    column("contacts", "Đầu mối liên hệ"),
    column("note", "Ghi chú"),
];

const MACHINES: &[Column] = &[
    column("machine", "Số hiệu máy"),
    needed("hostname", "Tên máy"),
    column("agency", "Mã đơn vị"),
    column("person", "Người phụ trách"),
    column("place", "Vị trí"),
    column("purpose", "Mục đích"),
    column("serial", "Số sê-ri"),
    column("asset", "Mã tài sản"),
    column("support_end", "Hết hạn hỗ trợ"),
    column("systems", "Mã hệ thống"),
    column("note", "Ghi chú"),
];

impl What {
    pub(super) fn columns(self) -> &'static [Column] {
        match self {
            Self::Agencies => AGENCIES,
            Self::Systems => SYSTEMS,
            Self::Machines => MACHINES,
        }
    }
}

/// A table whose header is understood.
pub(super) struct Table {
    places: HashMap<&'static str, usize>,
    rows: Vec<Row>,
}

/// One line of it.
#[derive(Clone, Copy)]
pub(super) struct Line<'t> {
    table: &'t Table,
    row: &'t Row,
}

impl Table {
    pub(super) fn of(what: What, rows: Vec<Row>) -> (Self, Vec<Mistake>) {
        let mut rows = rows.into_iter();
        let header = rows.next().unwrap_or(Row { line: 1, cells: Vec::new() });
        let (mut places, mut mistakes) = (HashMap::new(), Vec::new());
        let wrong = |name: &str, wrong: Wrong, hint: String| Mistake {
            line: header.line,
            column: name.to_owned(),
            wrong,
            value: name.to_owned(),
            hint,
        };
        for (place, name) in header.cells.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            let is_it = |column: &&Column| {
                column.key.eq_ignore_ascii_case(name)
                    || column.vi.to_lowercase() == name.to_lowercase()
            };
            match what.columns().iter().find(is_it) {
                None => {
                    let known: Vec<&str> = what.columns().iter().map(|one| one.key).collect();
                    let hint =
                        format!("remove this column, or call it one of {}", known.join(", "));
                    mistakes.push(wrong(name, Wrong::Column, hint));
                }
                Some(column) => {
                    if places.insert(column.key, place).is_some() {
                        let hint = "the column is there twice: remove one".to_owned();
                        mistakes.push(wrong(name, Wrong::Twice, hint));
                    }
                }
            }
        }
        for column in what.columns().iter().filter(|column| column.is_needed) {
            if !places.contains_key(column.key) {
                let hint = format!("the first line has to have the column {}", column.key);
                mistakes.push(wrong(column.key, Wrong::Missing, hint));
            }
        }
        (Self { places, rows: rows.collect() }, mistakes)
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.rows.iter().map(|row| Line { table: self, row })
    }
}

impl<'t> Line<'t> {
    pub(super) fn number(self) -> usize {
        self.row.line
    }

    /// What is in a column, if the table has it.
    pub(super) fn get(self, key: &str) -> Option<&'t str> {
        let place = self.table.places.get(key)?;
        Some(self.row.cells.get(*place).map_or("", String::as_str))
    }

    /// What is in a column; nothing where the table does not have it.
    pub(super) fn text(self, key: &str) -> &'t str {
        self.get(key).unwrap_or_default()
    }

    pub(super) fn mistake(self, column: &str, wrong: Wrong, hint: impl Into<String>) -> Mistake {
        Mistake {
            line: self.number(),
            column: column.to_owned(),
            wrong,
            value: self.text(column).chars().take(100).collect(),
            hint: hint.into(),
        }
    }
}

/// What differs, column by column.
pub(super) fn differences(columns: &[(&str, String, String)]) -> Vec<FieldChange> {
    let differs = |(_, from, to): &&(&str, String, String)| from != to;
    let change = |(column, from, to): &(&str, String, String)| FieldChange {
        column: (*column).to_owned(),
        from: from.clone(),
        to: to.clone(),
    };
    columns.iter().filter(differs).map(change).collect()
}
