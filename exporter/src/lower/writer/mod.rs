//! Collects the parts of an ONNX graph.

mod target;

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use rszs_graph::{DType, Dim, Graph, Node, NodeId, Op, Scales, Shape};

use super::half::{ElementType, halves};
use super::{IR_VERSION, LowerError, OPSET, onnx_element};
use crate::onnx::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto, data_type,
};

/// A protobuf message cannot be larger.
const LIMIT_BYTES: usize = (1 << 31) - 1;

/// An ONNX graph while it is written.
pub(super) struct Writer<'a> {
    graph: &'a Graph,
    /// For each node of the graph, the type of its value.
    types: Vec<ElementType>,
    /// For each node of the graph, the name of its value.
    edges: Vec<String>,
    nodes: Vec<NodeProto>,
    weights: Vec<TensorProto>,
    /// Names of small constants, casts and run-time shapes that exist already; they are shared.
    shared: BTreeSet<String>,
}

impl<'a> Writer<'a> {
    /// `types` has an element a node.
    pub(super) fn new(graph: &'a Graph, types: Vec<ElementType>) -> Result<Self, LowerError> {
        let mut edges: Vec<String> = Vec::new();
        let mut outputs: BTreeMap<NodeId, &str> = BTreeMap::new();
        for (name, id) in graph.outputs() {
            if graph
                .nodes()
                .iter()
                .enumerate()
                .any(|(index, node)| node.name == *name && index != id.index())
            {
                return Err(LowerError::NameTaken { name: name.clone() });
            }
            outputs.entry(*id).or_insert(name);
        }
        let mut outputs = outputs.into_iter().peekable();
        for (index, node) in graph.nodes().iter().enumerate() {
            let output = outputs.next_if(|(id, _)| id.index() == index).map(|(_, name)| name);
            edges.push(match (&node.op, output) {
                (Op::Dropout { .. } | Op::DropPath { .. }, _) => {
                    edges[node.inputs[0].index()].clone()
                }
                (Op::Input { .. } | Op::Param { .. } | Op::Constant { .. }, _) | (_, None) => {
                    node.name.clone()
                }
                (_, Some(output)) if types[index] == ElementType::F32 => output.to_owned(),
                // Outputs are 32-bit: this one goes through a cast.
                (_, Some(output)) => format!("{output}/{}", types[index].cast_part()),
            });
        }
        Ok(Self {
            graph,
            types,
            edges,
            nodes: Vec::new(),
            weights: Vec::new(),
            shared: BTreeSet::new(),
        })
    }

    /// The name of a node's value.
    pub(super) fn edge(&self, id: NodeId) -> String {
        self.edges[id.index()].clone()
    }

    /// The type that node `index` computes in.
    pub(super) fn element_type(&self, index: usize) -> ElementType {
        self.types[index]
    }

    /// Whether `node` reads 8-bit steps whose scale has 16 bits.
    pub(super) fn reads_half_steps(&self, node: &Node) -> bool {
        let source = node.inputs[0];
        matches!(self.graph.node(source).op, Op::Dequantize { .. })
            && self.types[source.index()] == ElementType::F16
    }

    /// The names of what node `index` reads, in the type that it computes in.
    pub(super) fn inputs(&mut self, index: usize) -> Vec<String> {
        let (graph, to) = (self.graph, self.types[index]);
        if is_weight_in_steps(graph, &graph.nodes()[index]) {
            // Its parameter becomes steps while the file is written.
            return vec![];
        }
        graph.nodes()[index].inputs.iter().map(|&id| self.edge_as(id, to)).collect()
    }

    /// The name of a node's value in the type `to`; whole numbers stay what they are.
    fn edge_as(&mut self, id: NodeId, to: ElementType) -> String {
        let edge = self.edge(id);
        let is_whole =
            matches!(&self.graph.node(id).op, Op::Input { dtype } if *dtype != DType::F32);
        if is_whole || self.types[id.index()] == to {
            return edge;
        }
        let attribute = AttributeProto::int("to", to.data_type().into());
        self.share_node(format!("{edge}/{}", to.cast_part()), "Cast", vec![edge], vec![attribute])
    }

    pub(super) fn shape(&self, id: NodeId) -> &'a Shape {
        &self.graph.node(id).shape
    }

    /// A trained or constant tensor in the type of node `index`.
    pub(super) fn weight(
        &mut self,
        index: usize,
        name: &str,
        shape: &[usize],
        values: &[f32],
    ) -> Result<(), LowerError> {
        self.weights.push(self.real_tensor(index, name, shape, values)?);
        Ok(())
    }

    /// An 8-bit weight, `steps` whole numbers from -128 to 127.
    pub(super) fn steps(&mut self, name: &str, shape: &[usize], steps: &[f32]) {
        self.weights.push(TensorProto::signed_bytes(
            name,
            shape,
            steps.iter().map(|&step| step as i8),
        ));
    }

    /// What a step is worth, without axes or one a channel, in the type of node `index`.
    pub(super) fn scales(&mut self, index: usize, scales: &Scales) -> Result<String, LowerError> {
        match scales {
            &Scales::Tensor(scale) => self.number(index, scale),
            Scales::Channels { values, .. } => {
                let name = format!("scales.{}", self.weights.len());
                self.weight(index, &name, &[values.len()], values)?;
                Ok(name)
            }
        }
    }

    /// What stands for zero among the steps of a value, node `index` of them. For CPUs the steps
    /// -128 to 127 are stored as 0 to 255: there, products of bytes by signed bytes are the fast
    /// ones (a sixth faster than signed by signed in ONNX Runtime 1.31 with AVX512-VNNI).
    /// Accelerators, whose files are 16-bit, take signed ones alone.
    pub(super) fn zero_of_values(&mut self, index: usize) -> String {
        match self.types[index] {
            ElementType::F16 => self.share("step.0".to_owned(), |name| {
                TensorProto::signed_bytes(name, &[], std::iter::once(0))
            }),
            ElementType::F32 => {
                self.share("byte.128".to_owned(), |name| TensorProto::byte(name, 128))
            }
        }
    }

    /// The zeros of a weight in steps: no offset.
    pub(super) fn step_zeros(&mut self, count: usize) -> String {
        let zeros = std::iter::repeat_n(0, count);
        self.share(format!("step_zeros.{count}"), |name| {
            TensorProto::signed_bytes(name, &[count], zeros)
        })
    }

    /// The node behind a value.
    pub(super) fn source(&self, id: NodeId) -> &'a Node {
        self.graph.node(id)
    }

    /// Whether a value is a parameter in 8-bit steps, which the file holds as a weight.
    pub(super) fn is_weight_in_steps(&self, id: NodeId) -> bool {
        is_weight_in_steps(self.graph, self.graph.node(id))
    }

    /// Whether the parameter `index` is needed in 8-bit steps and in no other form.
    pub(super) fn is_read_in_steps_alone(&self, index: usize) -> bool {
        let mut readers = self
            .graph
            .nodes()
            .iter()
            .filter(|node| node.inputs.iter().any(|id| id.index() == index))
            .peekable();
        let is_output = self.graph.outputs().iter().any(|(_, id)| id.index() == index);
        !is_output
            && readers.peek().is_some()
            && readers.all(|node| matches!(node.op, Op::Quantize { .. }))
    }

    /// The ONNX node that makes the value of node `index`.
    pub(super) fn node(
        &mut self,
        index: usize,
        op: &str,
        inputs: Vec<String>,
        attributes: Vec<AttributeProto>,
    ) {
        let (name, output) = (self.graph.nodes()[index].name.clone(), self.edges[index].clone());
        self.push(name, op, inputs, output, attributes);
    }

    /// An ONNX node inside what the graph has as one; the name of its value.
    pub(super) fn part(
        &mut self,
        node: &Node,
        part: &str,
        op: &str,
        inputs: Vec<String>,
        attributes: Vec<AttributeProto>,
    ) -> String {
        let name = format!("{}/{part}", node.name);
        self.push(name.clone(), op, inputs, name.clone(), attributes);
        name
    }

    /// One real number without axes, in the type of node `index`.
    pub(super) fn number(&mut self, index: usize, value: f32) -> Result<String, LowerError> {
        let dtype = self.types[index];
        let name = match dtype {
            ElementType::F16 => format!("number.{value}/{}", dtype.cast_part()),
            ElementType::F32 => format!("number.{value}"),
        };
        let tensor = self.real_tensor(index, &name, &[], &[value])?;
        Ok(self.share(name, |_| tensor))
    }

    fn real_tensor(
        &self,
        index: usize,
        name: &str,
        shape: &[usize],
        values: &[f32],
    ) -> Result<TensorProto, LowerError> {
        Ok(match self.types[index] {
            ElementType::F16 => {
                TensorProto::halves(name, shape, &halves(&self.graph.nodes()[index].name, values)?)
            }
            ElementType::F32 => TensorProto::floats(name, shape, values),
        })
    }

    /// A list of 32-bit real numbers.
    pub(super) fn numbers(&mut self, values: &[f32]) -> String {
        let name = format!("numbers.{}", joined(values));
        self.share(name, |name| TensorProto::floats(name, &[values.len()], values))
    }

    /// A list of whole numbers.
    pub(super) fn integers(&mut self, values: &[i64]) -> String {
        let name = format!("integers.{}", joined(values));
        self.share(name, |name| TensorProto::ints(name, values))
    }

    fn share(&mut self, name: String, tensor: impl FnOnce(&str) -> TensorProto) -> String {
        if self.shared.insert(name.clone()) {
            self.weights.push(tensor(&name));
        }
        name
    }

    fn share_node(
        &mut self,
        name: String,
        op: &str,
        inputs: Vec<String>,
        attributes: Vec<AttributeProto>,
    ) -> String {
        if self.shared.insert(name.clone()) {
            self.push(name.clone(), op, inputs, name.clone(), attributes);
        }
        name
    }

    fn push(
        &mut self,
        name: String,
        op: &str,
        input: Vec<String>,
        output: String,
        attribute: Vec<AttributeProto>,
    ) {
        let node = NodeProto {
            input,
            output: vec![output],
            name: Some(name),
            op_type: Some(op.to_owned()),
            attribute,
        };
        self.nodes.push(node);
    }

    /// The file around everything collected.
    pub(super) fn finish(
        mut self,
        name: &str,
        notes: &[(&str, String)],
    ) -> Result<ModelProto, LowerError> {
        for (name, id) in self.graph.outputs() {
            let edge = self.edge(*id);
            let (op, attributes) = match self.types[id.index()] {
                ElementType::F16 => {
                    ("Cast", vec![AttributeProto::int("to", data_type::FLOAT.into())])
                }
                ElementType::F32 => ("Identity", vec![]),
            };
            if edge != *name {
                self.push(format!("output.{name}"), op, vec![edge], name.clone(), attributes);
            }
        }
        let graph = self.graph;
        let output_names: BTreeSet<&String> =
            graph.outputs().iter().map(|(name, _)| name).collect();
        let nodes = graph.nodes().iter().zip(&self.edges).zip(&self.types);
        let made = nodes.filter(|((node, edge), _)| {
            let is_not_computed = matches!(
                node.op,
                Op::Input { .. }
                    | Op::Param { .. }
                    | Op::Constant { .. }
                    | Op::Dropout { .. }
                    | Op::DropPath { .. }
            );
            !is_not_computed && !is_weight_in_steps(graph, node) && !output_names.contains(edge)
        });
        let dtype = |node: &Node, real: &ElementType| {
            if !matches!(node.op, Op::Quantize { .. }) {
                real.data_type()
            } else if *real == ElementType::F16 {
                data_type::INT8
            } else {
                data_type::UINT8
            }
        };
        let float = data_type::FLOAT;
        let input = graph
            .inputs()
            .map(|(node, dtype)| value_info(&node.name, onnx_element(dtype), &node.shape));
        let proto = GraphProto {
            node: self.nodes,
            name: Some(name.to_owned()),
            initializer: self.weights,
            input: input.collect(),
            output: graph
                .outputs()
                .iter()
                .map(|(name, id)| value_info(name, float, &graph.node(*id).shape))
                .collect(),
            value_info: made
                .map(|((node, edge), real)| value_info(edge, dtype(node, real), &node.shape))
                .collect(),
        };
        let model = ModelProto {
            ir_version: Some(IR_VERSION),
            opset_import: vec![OperatorSetIdProto {
                domain: Some(String::new()),
                version: Some(OPSET),
            }],
            producer_name: Some(env!("CARGO_PKG_NAME").to_owned()),
            producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            graph: Some(proto),
            metadata_props: notes.iter().map(|(key, value)| note(key, value)).collect(),
        };
        match model.encoded_len() {
            bytes if bytes > LIMIT_BYTES => Err(LowerError::TooLarge { bytes }),
            _ => Ok(model),
        }
    }
}

fn is_weight_in_steps(graph: &Graph, node: &Node) -> bool {
    matches!(node.op, Op::Quantize { .. })
        && matches!(graph.node(node.inputs[0]).op, Op::Param { .. })
}

fn joined<T: ToString>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join("_")
}

fn note(key: &str, value: &str) -> StringStringEntryProto {
    StringStringEntryProto { key: Some(key.to_owned()), value: Some(value.to_owned()) }
}

fn value_info(name: &str, dtype: i32, shape: &Shape) -> ValueInfoProto {
    let dim = |dim: &Dim| match dim.as_fixed() {
        Some(length) => DimensionProto { dim_value: Some(length as i64), dim_param: None },
        None => DimensionProto { dim_value: None, dim_param: Some(dim.to_string()) },
    };
    let shape = TensorShapeProto { dim: shape.0.iter().map(dim).collect() };
    let tensor_type = TensorTypeProto { elem_type: Some(dtype), shape: Some(shape) };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto { tensor_type: Some(tensor_type) }),
    }
}
