//! Writing a graph down.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::Location;
use std::sync::Arc;

use crate::infer::infer;
use crate::{DType, Graph, GraphError, Init, Node, NodeId, Op, Shape, Value};

/// Collects nodes. The first mistake is kept with the file and line of the call that made it; later
/// calls go on with a guess, so that the network reads like arithmetic, and [`Builder::finish`]
/// returns that first mistake.
#[derive(Debug, Default)]
pub struct Builder {
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    nodes: Vec<Node>,
    names: BTreeSet<String>,
    scope: Vec<String>,
    first_error: Option<GraphError>,
}

impl Builder {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// A value fed at run time under `name`, which is not scoped.
    #[track_caller]
    pub fn input(&self, name: &str, dtype: DType, shape: impl Into<Shape>) -> Value<'_> {
        self.push_named(name.to_owned(), Op::Input { dtype }, shape.into(), Location::caller())
    }

    /// A trained tensor, named by the open scopes and `name`.
    #[track_caller]
    pub fn param(&self, name: &str, shape: impl Into<Shape>, init: Init) -> Value<'_> {
        let shape = shape.into();
        let location = Location::caller();
        if shape.as_fixed().is_none() {
            self.fail(
                location,
                format!("parameter {name} has shape {shape}, expected fixed lengths"),
            );
        }
        self.push_named(self.scoped_name(name), Op::Param { init }, shape, location)
    }

    /// A small fixed tensor, row-major.
    #[track_caller]
    pub fn constant(&self, values: &[f32], shape: impl Into<Shape>) -> Value<'_> {
        let shape = shape.into();
        let location = Location::caller();
        if shape.elements().as_fixed() != Some(values.len()) {
            self.fail(
                location,
                format!("constant of {} numbers does not fill {shape}", values.len()),
            );
        }
        let op = Op::Constant { values: Arc::from(values) };
        self.push_named(self.free_name("constant"), op, shape, location)
    }

    /// Runs `body` with `name` added to the names of everything it makes.
    pub fn scoped<T>(&self, name: impl Into<String>, body: impl FnOnce() -> T) -> T {
        self.state.borrow_mut().scope.push(name.into());
        let result = body();
        self.state.borrow_mut().scope.pop();
        result
    }

    /// Joins values along an axis.
    #[track_caller]
    pub fn concat<'g>(&'g self, values: &[Value<'g>], axis: usize) -> Value<'g> {
        let inputs = values.iter().map(|value| value.id()).collect();
        self.push(Op::Concat { axis }, inputs, None, Location::caller())
    }

    /// Checks and closes the graph, and leaves the builder empty. Nodes that no output needs are
    /// left out, inputs excepted.
    pub fn finish(&self, outputs: &[(&str, NodeId)]) -> Result<Graph, GraphError> {
        let state = self.state.take();
        if let Some(error) = state.first_error {
            return Err(error);
        }
        let outputs = outputs.iter().map(|&(name, id)| (name.to_owned(), id)).collect();
        Ok(Graph { nodes: state.nodes, outputs }.without_dead_nodes(true))
    }

    pub(crate) fn shape(&self, id: NodeId) -> Shape {
        self.state.borrow().nodes[id.0].shape.clone()
    }

    /// Adds a node of a computed op. `target` is the wanted shape of `Reshape` and `Expand`.
    pub(crate) fn push(
        &self,
        op: Op,
        inputs: Vec<NodeId>,
        target: Option<Shape>,
        location: &'static Location<'static>,
    ) -> Value<'_> {
        let shapes: Vec<Shape> = inputs.iter().map(|&id| self.shape(id)).collect();
        let shape = infer(&op, &shapes, target.as_ref()).unwrap_or_else(|reason| {
            self.fail(location, reason);
            target.or_else(|| shapes.into_iter().next()).unwrap_or_default()
        });
        let name = self.free_name(op.name());
        self.append(Node { name, op, inputs, shape })
    }

    fn push_named(
        &self,
        name: String,
        op: Op,
        shape: Shape,
        location: &'static Location<'static>,
    ) -> Value<'_> {
        if self.state.borrow().names.contains(&name) {
            self.fail(
                location,
                format!("the name {name} is taken; pass the first value on to share it"),
            );
        }
        self.append(Node { name, op, inputs: Vec::new(), shape })
    }

    fn append(&self, node: Node) -> Value<'_> {
        let mut state = self.state.borrow_mut();
        let id = NodeId(state.nodes.len());
        state.names.insert(node.name.clone());
        state.nodes.push(node);
        Value::new(self, id)
    }

    fn fail(&self, location: &'static Location<'static>, reason: String) {
        let mut state = self.state.borrow_mut();
        let scope = state.scope.join(".");
        state.first_error.get_or_insert_with(|| GraphError::new(location, &scope, reason));
    }

    fn scoped_name(&self, name: &str) -> String {
        let state = self.state.borrow();
        state.scope.iter().map(String::as_str).chain([name]).collect::<Vec<_>>().join(".")
    }

    fn free_name(&self, name: &str) -> String {
        let base = self.scoped_name(name);
        let state = self.state.borrow();
        let numbered = (2..).map(|number| format!("{base}_{number}"));
        std::iter::once(base.clone())
            .chain(numbered)
            .find(|name| !state.names.contains(name))
            .unwrap_or(base)
    }
}
