//! What `examples/check` does on a GPU, on the simulator.

use rszs_cuda::Device;
use rszs_cuda::frame::LogitType;
use rszs_hot::Decision;

use crate::frames::{LAYOUT, simulated};
use crate::replay::{Case, check};

#[test]
fn prepared_logits_give_the_bits_of_the_host_in_graphs_and_without() {
    let device = Device::open(simulated()).unwrap();
    for decision in [Decision::Multilabel, Decision::Exclusive] {
        for (logits, is_captured) in
            [(LogitType::F32, false), (LogitType::F32, true), (LogitType::F16, true)]
        {
            for (reduction, size) in [(1, (203, 117)), (4, (203, 117))] {
                let case = Case {
                    size,
                    layout: LAYOUT.reduced(reduction),
                    batch: 4,
                    decision,
                    logits,
                    is_captured,
                };
                let checked = check(&device, &case).unwrap();
                assert!(checked.differences.is_empty(), "{case:?}: {:?}", checked.differences);
                assert!(checked.host > std::time::Duration::ZERO);
                assert!(checked.times.batches > std::time::Duration::ZERO, "events tell how long");
            }
        }
    }
}
