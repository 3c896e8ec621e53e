//! Which rank a process is, as its launcher says.

use std::env::{self, VarError};
use std::str::FromStr;

use crate::TrainError;

/// `RANK`, `WORLD_SIZE`, `MASTER_ADDR` and `MASTER_PORT`, as torchrun and `--nproc` set them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// This process, from 0.
    pub rank: usize,
    /// W, at least 2.
    pub size: usize,
    /// Host of rank 0.
    pub address: String,
    /// Rank 0 listens one port above this: torchrun keeps `MASTER_PORT` for itself.
    pub port: u16,
}

impl Environment {
    /// What the environment says; nothing where it names neither a rank nor a size, or one process
    /// alone.
    pub fn read() -> Result<Option<Self>, TrainError> {
        Self::of(|name| match env::var(name) {
            Ok(value) => Some(value),
            Err(VarError::NotPresent) => None,
            Err(VarError::NotUnicode(value)) => Some(value.to_string_lossy().into_owned()),
        })
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, TrainError> {
        if variable("RANK").is_none() && variable("WORLD_SIZE").is_none() {
            return Ok(None);
        }
        let size: usize = number(&variable, "WORLD_SIZE")?;
        let rank: usize = number(&variable, "RANK")?;
        if rank >= size {
            return Err(invalid(
                "RANK",
                &format!("a number below WORLD_SIZE, {size}"),
                Some(&rank.to_string()),
            ));
        }
        if size == 1 {
            return Ok(None);
        }
        let address = variable("MASTER_ADDR")
            .ok_or_else(|| invalid("MASTER_ADDR", "the host of rank 0", None))?;
        let port = number(&variable, "MASTER_PORT")?;
        if port == u16::MAX {
            return Err(invalid("MASTER_PORT", "a port below 65535", Some("65535")));
        }
        Ok(Some(Self { rank, size, address, port }))
    }
}

fn number<T: FromStr>(
    variable: &impl Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<T, TrainError> {
    let value = variable(name);
    let parsed = value.as_deref().and_then(|value| value.parse().ok());
    parsed.ok_or_else(|| invalid(name, "a whole number", value.as_deref()))
}

fn invalid(name: &'static str, expected: &str, found: Option<&str>) -> TrainError {
    let found = found.unwrap_or("nothing").to_owned();
    TrainError::Environment { name, expected: expected.to_owned(), found }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Environment>, String> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Environment::of(variable).map_err(|error| error.to_string())
    }

    #[test]
    fn what_torchrun_sets_is_read_and_one_process_is_none() {
        let of_torchrun = [
            ("RANK", "1"),
            ("LOCAL_RANK", "1"),
            ("WORLD_SIZE", "4"),
            ("MASTER_ADDR", "node7"),
            ("MASTER_PORT", "29500"),
        ];
        let expected = Environment { rank: 1, size: 4, address: "node7".to_owned(), port: 29_500 };
        assert_eq!(read(&of_torchrun), Ok(Some(expected)));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("RANK", "0"), ("WORLD_SIZE", "1")]), Ok(None));
    }

    #[test]
    fn a_half_or_a_wrong_environment_names_the_variable() {
        let wrong = |variables| read(variables).unwrap_err();
        assert_eq!(
            wrong(&[("RANK", "1")]),
            "environment WORLD_SIZE: expected a whole number, found nothing"
        );
        assert_eq!(
            wrong(&[("RANK", "2"), ("WORLD_SIZE", "2")]),
            "environment RANK: expected a number below WORLD_SIZE, 2, found 2"
        );
        assert_eq!(
            wrong(&[("RANK", "0"), ("WORLD_SIZE", "2")]),
            "environment MASTER_ADDR: expected the host of rank 0, found nothing"
        );
        let wrong_port =
            [("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "::1"), ("MASTER_PORT", "65536")];
        assert_eq!(
            wrong(&wrong_port),
            "environment MASTER_PORT: expected a whole number, found 65536"
        );
    }
}
