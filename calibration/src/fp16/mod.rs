//! `rszs-calibrate fp16`: what half precision does to every node, on training tiles.

pub mod fp16_report;

use std::collections::BTreeMap;

use rszs_export::lower::{ElementType, interpret_half_with};
use rszs_export::unpack::unpack;
use rszs_graph::{Graph, Node, Op, Tensor, interpret_with};
use rszs_network::{Purpose, image_graph};

use crate::arguments::{Fp16Arguments, SplitChoice};
use crate::deployed::{Deployed, open_bundle};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::fp16::fp16_report::{Fp16Report, NodeRange};
use crate::int8::tile_recorder::tiles_of_sets;
use crate::report::identity::Identity;
use crate::report::output::Output;
use crate::sets::{labelled, open_sets};

/// Runs the command.
pub fn run(arguments: &Fp16Arguments, output: &mut Output) -> Result<ExitStatus, Error> {
    let mut arguments = arguments.clone();
    // Whatever split was typed: this looks at training images.
    arguments.measure.split = SplitChoice::Train;
    let sets = open_sets(&arguments.measure)?;
    let bundle = open_bundle(&arguments.measure)?;
    let sets = labelled(sets, &bundle)?;
    let checkpoint = unpack(&bundle)?;
    let graph = image_graph(&checkpoint.config, Purpose::Deploy)?;
    let mut deployed = Deployed::start(bundle, &arguments.measure)?;
    let identity = Identity::new("fp16", &deployed, &arguments.measure);
    let tiles = tiles_of_sets(&sets, &mut deployed, arguments.tiles as usize)?;

    let vocabulary = deployed.bundle.vocabulary();
    let queries = Tensor::new(
        [vocabulary.entries().len(), vocabulary.joint_width()],
        vocabulary.embeddings().to_vec(),
    );
    let side = checkpoint.config.tile_px;
    let mut ranges = Ranges::default();
    output.tell(format_args!("looking at {} tiles", tiles.len()));
    for tile in &tiles {
        if deployed.interrupt.is_raised() {
            return Err(Error::Interrupted);
        }
        let tile = Tensor::from_bytes([1, side, side, 3], tile);
        let feeds = [("tiles".to_owned(), tile), ("queries".to_owned(), queries.clone())].into();
        ranges.look(&graph, &feeds, &checkpoint.parameters)?;
    }
    let nodes = ranges.0.into_values().collect();
    let report = Fp16Report::new(identity, tiles.len(), nodes);
    output.results(&report.table(), &report)?;
    Ok(ExitStatus::Done)
}

/// What was seen of each node that computes in 16 bits, by its name.
#[derive(Debug, Default)]
struct Ranges(BTreeMap<String, NodeRange>);

impl Ranges {
    /// Runs `graph` in both precisions and keeps what is worst of each node.
    fn look(
        &mut self,
        graph: &Graph,
        feeds: &BTreeMap<String, Tensor>,
        parameters: &BTreeMap<String, Tensor>,
    ) -> Result<(), Error> {
        let mut exact = BTreeMap::new();
        interpret_with(graph, feeds, parameters, |node, value| {
            if !matches!(node.op, Op::Input { .. } | Op::Param { .. } | Op::Constant { .. }) {
                exact.insert(node.name.clone(), value.clone());
            }
        })?;
        interpret_half_with(
            graph,
            feeds,
            parameters,
            ElementType::F16,
            |node: &Node, element, value| {
                if let (ElementType::F16, Some(exact)) = (element, exact.get(&node.name)) {
                    let seen = NodeRange::of(node, exact, value);
                    self.0
                        .entry(node.name.clone())
                        .and_modify(|range| range.widen(&seen))
                        .or_insert(seen);
                }
            },
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rszs_graph::{Builder, DType, Init, N};

    use super::*;

    #[test]
    fn the_worst_of_all_tiles_is_kept_and_an_overflow_is_seen() {
        let builder = Builder::new();
        let x = builder.input("x", DType::F32, [N, 1.into()]);
        let y = x.matmul(builder.param("weight", [1, 1], Init::Constant(1.0))).softmax();
        let graph = builder.finish(&[("y", y.id())]).unwrap();
        let parameters = [("weight".to_owned(), Tensor::new([1, 1], vec![2.0]))].into();
        let mut ranges = Ranges::default();
        for fed in [2049.0, 3.0] {
            ranges
                .look(
                    &graph,
                    &[("x".to_owned(), Tensor::new([1, 1], vec![fed]))].into(),
                    &parameters,
                )
                .unwrap();
        }
        let names: Vec<&String> = ranges.0.keys().collect();
        assert_eq!(names, ["matmul"], "softmax is kept in 32 bits");
        let range = &ranges.0["matmul"];
        assert_eq!((range.magnitude, range.share_of_largest), (4098.0, 4098.0 / 65504.0));
        assert_eq!(range.error, Some(2.0 / 4098.0), "2049 is read as 2048");

        ranges
            .look(&graph, &[("x".to_owned(), Tensor::new([1, 1], vec![4e4]))].into(), &parameters)
            .unwrap();
        let range = &ranges.0["matmul"];
        assert!(range.share_of_largest > 1.0 && range.error.is_none(), "{range:?}");
    }
}
