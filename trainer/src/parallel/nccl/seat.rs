//! What each rank has for NCCL, told to all before it starts.

use rszs_cuda::Device;
use serde::{Deserialize, Serialize};

use super::library::Library;
use crate::TrainError;
use crate::parallel::star::Star;

/// What a rank brings.
pub(super) struct Means {
    pub(super) library: Library,
    pub(super) device: Device,
}

/// One rank, as the others see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Seat {
    host: String,
    /// Number of the CUDA device; nothing on the processor.
    ordinal: Option<u32>,
    /// Identity of the device, in whichever machine and under whichever number.
    uuid: Option<[u8; 16]>,
    /// Why this rank cannot use NCCL.
    obstacle: Option<String>,
}

impl Seat {
    /// Of this rank, on the CUDA device `ordinal`, with its means where it has them.
    pub(super) fn of(ordinal: Option<u32>) -> (Self, Option<Means>) {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let means =
            ordinal.ok_or_else(|| "it computes on the processor".to_owned()).and_then(|ordinal| {
                let device = Device::open(ordinal).map_err(|error| error.to_string())?;
                let library = Library::open().map_err(|error| error.to_string())?;
                Ok(Means { library, device })
            });
        let (means, obstacle) = match means {
            Ok(means) => (Some(means), None),
            Err(obstacle) => (None, Some(obstacle)),
        };
        let uuid = means.as_ref().map(|means| means.device.description().uuid);
        (Self { host, ordinal, uuid, obstacle }, means)
    }

    /// Those of all ranks, in their order.
    pub(super) fn exchange(&self, star: &mut Star) -> Result<Vec<Self>, TrainError> {
        let texts = star.exchange(&serde_json::to_string(self)?)?;
        texts.iter().map(|text| Ok(serde_json::from_str(text)?)).collect()
    }
}

/// The first rank that cannot use NCCL, and why, for a person.
pub(super) fn obstacle(seats: &[Seat]) -> Option<String> {
    let of_rank = |(rank, seat): (usize, &Seat)| {
        seat.obstacle
            .as_ref()
            .map(|obstacle| format!("rank {rank} on host {}: {obstacle}", seat.host))
    };
    seats.iter().enumerate().find_map(of_rank)
}

/// Whether any rank computes on a CUDA device.
pub(super) fn any_on_cuda(seats: &[Seat]) -> bool {
    seats.iter().any(|seat| seat.ordinal.is_some())
}

/// Two ranks with one device between them, for a person: NCCL refuses them later, by the device's
/// number on the bus.
pub(super) fn shared_device(seats: &[Seat]) -> Option<String> {
    for (second, seat) in seats.iter().enumerate() {
        let same = |other: &Seat| seat.uuid.is_some() && other.uuid == seat.uuid;
        if let Some(first) = seats[..second].iter().position(same) {
            let ordinal = seats[first].ordinal.unwrap_or_default();
            return Some(format!(
                "rank {first} and rank {second} both on cuda:{ordinal} of host {}",
                seat.host
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(host: &str, ordinal: u32, uuid: u8) -> Seat {
        Seat {
            host: host.to_owned(),
            ordinal: Some(ordinal),
            uuid: Some([uuid; 16]),
            obstacle: None,
        }
    }

    #[test]
    fn a_device_is_shared_where_its_identity_is_the_same_whatever_its_number() {
        assert_eq!(shared_device(&[seat("a", 0, 1), seat("a", 1, 2), seat("b", 0, 3)]), None);
        let shared = shared_device(&[seat("a", 0, 1), seat("a", 1, 2), seat("a", 0, 2)]);
        assert_eq!(shared.as_deref(), Some("rank 1 and rank 2 both on cuda:1 of host a"));
    }

    #[test]
    fn the_first_obstacle_names_its_rank_and_host() {
        let mut seats = [seat("a", 0, 1), Seat::of(None).0];
        assert!(any_on_cuda(&seats));
        seats[1].host = "b".to_owned();
        assert_eq!(
            obstacle(&seats).as_deref(),
            Some("rank 1 on host b: it computes on the processor")
        );
        assert_eq!(obstacle(&seats[..1]), None);
        assert!(!any_on_cuda(&seats[1..]));
    }
}
