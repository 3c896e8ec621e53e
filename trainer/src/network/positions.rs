//! Position tables for another grid.

use tch::Tensor;

use crate::TrainError;

/// Where the cells of the other grid lie on the table's grid. What a table was trained on, another
/// rule shifts by a fraction of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionRule {
    /// A cell is `from / to` cells wide. Source: cvlab-kaist/CAT-Seg and yecy749/GSNet, for CLIP.
    Size,
    /// A cell is `from / (to + 0.1)` cells wide. Source: facebookresearch/dino
    /// `interpolate_pos_encoding`, which adds 0.1 against rounding and hands the factor on;
    /// `GSNet`'s 1.717857… for 28 to 48 is the same.
    DinoFactor,
}

/// Bicubic interpolation of a position table with a CLS row, `[1 + from², C] -> [1 + to², C]`. Row
/// 0 is kept. Pixel centres at half integers, the cubic kernel of libtorch (a = -0.75).
pub fn interpolate_positions(
    table: &Tensor,
    from_grid: usize,
    to_grid: usize,
    rule: PositionRule,
) -> Result<Tensor, TrainError> {
    let (from, to) = (from_grid as i64, to_grid as i64);
    let (rows, channels) = table.size2()?;
    if rows != 1 + from * from {
        return Err(TrainError::ParameterShape {
            name: "positions".to_owned(),
            expected: vec![1 + from * from, channels],
            found: table.size(),
            hint: format!("a table for a grid of {from_grid} has one row for CLS and one a patch"),
        });
    }
    let _guard = tch::no_grad_guard();
    if from == to {
        return Ok(table.f_detach_copy()?);
    }
    let class_row = table.f_narrow(0, 0, 1)?;
    let patches = table
        .f_narrow(0, 1, from * from)?
        .f_transpose(0, 1)?
        .f_reshape([1, channels, from, from])?;
    let factor = match rule {
        PositionRule::Size => None,
        PositionRule::DinoFactor => Some((to as f64 + 0.1) / from as f64),
    };
    let resized = patches.f_upsample_bicubic2d([to, to], false, factor, factor)?;
    let rows = resized.f_reshape([channels, to * to])?.f_transpose(0, 1)?;
    Ok(Tensor::f_cat(&[class_row, rows], 0)?)
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "exact numbers")]
mod tests {
    use super::*;
    use tch::Kind;

    fn table(values: &[f32], channels: i64) -> Tensor {
        Tensor::from_slice(values).reshape([-1, channels])
    }

    #[test]
    fn the_same_grid_changes_nothing() {
        let before = table(&[9.0, 1.0, 2.0, 3.0, 4.0], 1);
        assert!(interpolate_positions(&before, 2, 2, PositionRule::DinoFactor).unwrap() == before);
    }

    #[test]
    fn the_class_row_is_kept_and_a_constant_stays_constant() {
        let before = table(&[9.0, 2.0, 2.0, 2.0, 2.0], 1);
        let after = interpolate_positions(&before, 2, 4, PositionRule::Size).unwrap();
        assert_eq!(after.size(), [17, 1]);
        assert_eq!(after.double_value(&[0, 0]), 9.0);
        let spread = after.narrow(0, 1, 16) - 2.0;
        assert!(spread.abs().max().double_value(&[]) < 1e-6);
    }

    #[test]
    fn rows_stay_rows_and_columns_stay_columns() {
        // A table that grows along columns only must still do so, for every row of the finer grid.
        let before = table(&[0.0, 0.0, 1.0, 0.0, 1.0], 1);
        let after = interpolate_positions(&before, 2, 4, PositionRule::Size)
            .unwrap()
            .narrow(0, 1, 16)
            .reshape([4, 4]);
        let across_rows = (after.get(0) - after.get(3)).abs().max().double_value(&[]);
        let across_columns = (after.select(1, 3) - after.select(1, 0)).min().double_value(&[]);
        assert!(across_rows < 1e-6 && across_columns > 0.5);
    }

    #[test]
    fn a_table_of_another_grid_is_refused() {
        let before = Tensor::zeros([10, 4], (Kind::Float, tch::Device::Cpu));
        let message =
            interpolate_positions(&before, 4, 8, PositionRule::Size).unwrap_err().to_string();
        assert!(message.contains("expected shape [17, 4], found [10, 4]"), "{message}");
    }
}
