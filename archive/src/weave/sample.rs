//! Values like those of a column: a few stretches from all over it, in its order.

use datafusion::arrow::array::ArrayRef;

/// Stretches a sample is made of.
const STRETCHES: usize = 4;
/// Of few rows, one of so many is enough to tell…
const SHARE: usize = 8;
/// …but so many at least: what repeats has to be seen to repeat.
const ROWS_MIN: usize = 1024;

/// Some of these values, at most `wanted`.
pub(super) fn of(values: &[ArrayRef], wanted: usize) -> Vec<ArrayRef> {
    let rows: usize = values.iter().map(|array| array.len()).sum();
    let wanted = wanted.min((rows / SHARE).max(ROWS_MIN));
    if rows <= wanted {
        return values.to_vec();
    }
    let (step, each) = (rows / STRETCHES, wanted / STRETCHES);
    (0..STRETCHES).flat_map(|nth| stretch(values, nth * step, each)).collect()
}

/// So many values from this one on.
fn stretch(values: &[ArrayRef], from: usize, count: usize) -> Vec<ArrayRef> {
    let (mut skip, mut missing) = (from, count);
    let mut found = Vec::new();
    for array in values {
        let begin = skip.min(array.len());
        let here = missing.min(array.len() - begin);
        if here > 0 {
            found.push(array.slice(begin, here));
        }
        (skip, missing) = (skip - begin, missing - here);
    }
    found
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use datafusion::arrow::array::{AsArray, Int64Array};
    use datafusion::arrow::datatypes::Int64Type;

    #[test]
    fn a_sample_is_stretches_from_all_over() {
        let values: Vec<ArrayRef> = (0..40)
            .map(|nth| Arc::new(Int64Array::from_iter_values(nth * 500..(nth + 1) * 500)) as _)
            .collect();
        let sample = of(&values, 4000);
        let found: Vec<i64> = sample
            .iter()
            .flat_map(|array| array.as_primitive::<Int64Type>().values().to_vec())
            .collect();
        let wanted: Vec<i64> =
            [0, 5000, 10_000, 15_000].into_iter().flat_map(|from| from..from + 625).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn few_values_are_all_of_the_sample() {
        let values: Vec<ArrayRef> = vec![Arc::new(Int64Array::from_iter_values(0..100))];
        assert_eq!(of(&values, 8192), values);
    }
}
