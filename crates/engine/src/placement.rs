//! Where ONNX Runtime puts the nodes of a model.
#![allow(
    unsafe_code,
    reason = "the safe binding has no words for this part of ONNX Runtime's interface"
)]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::ptr;

use ort::AsPointer;
use ort::session::Session;

/// Session setting without which nothing is known about nodes.
pub(super) const RECORD: &str = "session.record_ep_graph_assignment_info";

/// Arithmetic on shapes: a few numbers that the CUDA provider leaves to the processor on purpose,
/// so that forbidding that altogether (`session.disable_cpu_ep_fallback`) would refuse every model
/// with an open size.
const OF_SHAPES: [&str; 8] =
    ["Shape", "Gather", "Concat", "Unsqueeze", "Squeeze", "Slice", "Cast", "Constant"];

/// How many nodes of each operator each provider got: provider → operator → count.
pub(super) type Placement = BTreeMap<String, BTreeMap<String, usize>>;

/// The placement in a session that was made with [`RECORD`].
pub(super) fn placement(session: &Session) -> ort::Result<Placement> {
    let api = ort::api();
    let (mut parts, mut count) = (ptr::null(), 0);
    // SAFETY: the session is alive; the two places are written, with what the session owns.
    unsafe {
        status((api.Session_GetEpGraphAssignmentInfo)(
            session.ptr(),
            &raw mut parts,
            &raw mut count,
        ))?;
    };
    let mut placement = Placement::new();
    for index in 0..count {
        let (mut provider, mut nodes, mut node_count) = (ptr::null(), ptr::null(), 0);
        // SAFETY: `parts` are `count` pointers of the session's.
        unsafe {
            let part = *parts.add(index);
            status((api.EpAssignedSubgraph_GetEpName)(part, &raw mut provider))?;
            status((api.EpAssignedSubgraph_GetNodes)(part, &raw mut nodes, &raw mut node_count))?;
        }
        let operators = placement.entry(text(provider)).or_default();
        for node in 0..node_count {
            let mut operator = ptr::null();
            // SAFETY: `nodes` are `node_count` pointers of the session's.
            unsafe {
                status((api.EpAssignedNode_GetOperatorType)(*nodes.add(node), &raw mut operator))?;
            };
            *operators.entry(text(operator)).or_default() += 1;
        }
    }
    Ok(placement)
}

/// Nodes that compute pixels and are not with `provider`, as `3 Conv, 1 Softmax`; nothing if all
/// are there.
pub(super) fn elsewhere(placement: &Placement, provider: &str) -> Option<String> {
    let others =
        placement.iter().filter(|(name, _)| *name != provider).flat_map(|(_, operators)| operators);
    let heavy = others.filter(|(operator, _)| !OF_SHAPES.contains(&operator.as_str()));
    let list: Vec<String> = heavy.map(|(operator, count)| format!("{count} {operator}")).collect();
    (!list.is_empty()).then(|| list.join(", "))
}

/// # Safety
/// `status` is what a function of ONNX Runtime's returned.
unsafe fn status(status: ort::sys::OrtStatusPtr) -> ort::Result<()> {
    // SAFETY: the caller's word.
    unsafe { ort::Error::result_from_status(status) }
}

/// A string of the session's, copied.
fn text(text: *const c_char) -> String {
    if text.is_null() {
        String::new()
    } else {
        // SAFETY: the callers pass what ONNX Runtime answered a call with that succeeded.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_on_shapes_may_be_anywhere_and_products_may_not() {
        let of = |provider: &str, operators: &[(&str, usize)]| {
            (
                provider.to_owned(),
                operators.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
            )
        };
        let good = Placement::from([
            of("Cuda", &[("MatMul", 9), ("Conv", 2)]),
            of("Cpu", &[("Shape", 1), ("Gather", 1)]),
        ]);
        assert_eq!(elsewhere(&good, "Cuda"), None);
        assert_eq!(elsewhere(&good, "Cpu").as_deref(), Some("2 Conv, 9 MatMul"));
    }
}
