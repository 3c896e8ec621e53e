//! What each rank has for NCCL, told to all before it starts.

use rszs_cuda::Device;
use serde::{Deserialize, Serialize};

use super::library::Library;
use crate::TrainError;
use crate::parallel::tcp_all_reduce::TcpAllReduce;

/// What a rank brings.
pub(super) struct NcclHandles {
    pub(super) library: Library,
    pub(super) device: Device,
}

/// One rank, as the others see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RankInfo {
    host: String,
    /// Number of the CUDA device; nothing on the processor.
    ordinal: Option<u32>,
    /// Identity of the device, in whichever machine and under whichever number.
    uuid: Option<[u8; 16]>,
    /// Why this rank cannot use NCCL.
    obstacle: Option<String>,
}

impl RankInfo {
    /// Of this rank, on the CUDA device `ordinal`, with its means where it has them.
    pub(super) fn of(ordinal: Option<u32>) -> (Self, Option<NcclHandles>) {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let handles =
            ordinal.ok_or_else(|| "it computes on the processor".to_owned()).and_then(|ordinal| {
                let device = Device::open(ordinal).map_err(|error| error.to_string())?;
                let library = Library::open().map_err(|error| error.to_string())?;
                Ok(NcclHandles { library, device })
            });
        let (handles, obstacle) = match handles {
            Ok(handles) => (Some(handles), None),
            Err(obstacle) => (None, Some(obstacle)),
        };
        let uuid = handles.as_ref().map(|handles| handles.device.description().uuid);
        (Self { host, ordinal, uuid, obstacle }, handles)
    }

    /// Those of all ranks, in their order.
    pub(super) fn exchange(&self, tcp: &mut TcpAllReduce) -> Result<Vec<Self>, TrainError> {
        let texts = tcp.exchange(&serde_json::to_string(self)?)?;
        texts.iter().map(|text| Ok(serde_json::from_str(text)?)).collect()
    }
}

/// The first rank that cannot use NCCL, and why, for a person.
pub(super) fn obstacle(ranks: &[RankInfo]) -> Option<String> {
    let of_rank = |(rank, rank_info): (usize, &RankInfo)| {
        rank_info
            .obstacle
            .as_ref()
            .map(|obstacle| format!("rank {rank} on host {}: {obstacle}", rank_info.host))
    };
    ranks.iter().enumerate().find_map(of_rank)
}

/// Whether any rank computes on a CUDA device.
pub(super) fn any_on_cuda(ranks: &[RankInfo]) -> bool {
    ranks.iter().any(|rank_info| rank_info.ordinal.is_some())
}

/// Two ranks with one device between them, for a person: NCCL refuses them later, by the device's
/// number on the bus.
pub(super) fn shared_device(ranks: &[RankInfo]) -> Option<String> {
    for (second, rank_info) in ranks.iter().enumerate() {
        let same = |other: &RankInfo| rank_info.uuid.is_some() && other.uuid == rank_info.uuid;
        if let Some(first) = ranks[..second].iter().position(same) {
            let ordinal = ranks[first].ordinal.unwrap_or_default();
            return Some(format!(
                "rank {first} and rank {second} both on cuda:{ordinal} of host {}",
                rank_info.host
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank_info(host: &str, ordinal: u32, uuid: u8) -> RankInfo {
        RankInfo {
            host: host.to_owned(),
            ordinal: Some(ordinal),
            uuid: Some([uuid; 16]),
            obstacle: None,
        }
    }

    #[test]
    fn a_device_is_shared_where_its_identity_is_the_same_whatever_its_number() {
        assert_eq!(
            shared_device(&[rank_info("a", 0, 1), rank_info("a", 1, 2), rank_info("b", 0, 3)]),
            None
        );
        let shared =
            shared_device(&[rank_info("a", 0, 1), rank_info("a", 1, 2), rank_info("a", 0, 2)]);
        assert_eq!(shared.as_deref(), Some("rank 1 and rank 2 both on cuda:1 of host a"));
    }

    #[test]
    fn the_first_obstacle_names_its_rank_and_host() {
        let mut ranks = [rank_info("a", 0, 1), RankInfo::of(None).0];
        assert!(any_on_cuda(&ranks));
        ranks[1].host = "b".to_owned();
        assert_eq!(
            obstacle(&ranks).as_deref(),
            Some("rank 1 on host b: it computes on the processor")
        );
        assert_eq!(obstacle(&ranks[..1]), None);
        assert!(!any_on_cuda(&ranks[1..]));
    }
}
