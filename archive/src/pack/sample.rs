//! Rows like those of a file: a few stretches from all over it, in its order.

use crate::Row;

/// Stretches a sample is made of.
const STRETCHES: usize = 4;

/// So many of these rows.
pub(super) fn of(rows: &[Row], wanted: usize) -> impl Iterator<Item = &Row> {
    let each = wanted / STRETCHES;
    let step = rows.len() / STRETCHES;
    // Few rows are taken whole.
    let stretches = if rows.len() <= wanted { 1 } else { STRETCHES };
    let each = if stretches == 1 { rows.len() } else { each };
    (0..stretches).flat_map(move |nth| rows.iter().skip(nth * step).take(each))
}
