//! Tables that are Markdown and still line up in a terminal.

use std::fmt;

/// Rows of text under a head.
#[derive(Debug, Clone)]
pub struct Table {
    left: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With a head; the first `left` columns are words, the others numbers and aligned to the
    /// right.
    pub fn new(head: &[&str], left: usize) -> Self {
        Self { left, rows: vec![head.iter().map(|&title| title.to_owned()).collect()] }
    }

    /// Adds a row, which has as many cells as the head.
    pub fn push(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.rows[0].len(), "cells of {cells:?}");
        self.rows.push(cells);
    }

    fn widths(&self) -> Vec<usize> {
        let width = |column: usize| {
            self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
        };
        (0..self.rows[0].len()).map(|column| width(column).max(3)).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for (number, row) in self.rows.iter().enumerate() {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                if column < self.left {
                    write!(f, "| {cell:<width$} ")?;
                } else {
                    write!(f, "| {cell:>width$} ")?;
                }
            }
            writeln!(f, "|")?;
            if number == 0 {
                for (column, &width) in widths.iter().enumerate() {
                    let dashes = "-".repeat(width - 1);
                    if column < self.left {
                        write!(f, "| {dashes}- ")?;
                    } else {
                        write!(f, "| {dashes}: ")?;
                    }
                }
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}

/// A score in per cent; a dash where it has no meaning.
pub fn percent(score: Option<f64>) -> String {
    score.map_or("-".to_owned(), |score| format!("{:.1}", score * 100.0))
}

/// What was and what is.
pub fn change(before: &str, after: &str) -> String {
    if before == after { after.to_owned() } else { format!("{before} -> {after}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_numbers_are_on_the_right() {
        let mut table = Table::new(&["query", "IoU"], 1);
        table.push(vec!["flood".to_owned(), "7.5".to_owned()]);
        table.push(vec!["bare ground".to_owned(), percent(Some(0.6213))]);
        let expected = "\
| query       |  IoU |
| ----------- | ---: |
| flood       |  7.5 |
| bare ground | 62.1 |
";
        assert_eq!(table.to_string(), expected);
    }
}
