//! The date of a measurement.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY_S: u64 = 24 * 60 * 60;

/// Today in UTC, as `2026-08-22`.
pub(crate) fn today() -> String {
    iso_8601(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Source: Howard Hinnant, chrono-compatible low-level date algorithms, `civil_from_days`. Years
/// begin in March there, so that the leap day is their last.
fn iso_8601(since_1970: Duration) -> String {
    const DAYS_FROM_MARCH_0_TO_1970: u64 = 719_468;
    const ERA_DAYS: u64 = 146_097;
    let days = since_1970.as_secs() / DAY_S + DAYS_FROM_MARCH_0_TO_1970;
    let (era, day_of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, date) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_798_761_599, "2026-12-31"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(iso_8601(Duration::from_secs(seconds)), date);
        }
    }
}
