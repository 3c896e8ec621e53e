//! ONNX files of a few bytes, written by hand so that each attack stands as the protobuf it is.

/// A length-delimited field.
pub(crate) fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = varint(u64::from(number) << 3 | 2);
    bytes.extend(varint(content.len() as u64));
    bytes.extend(content);
    bytes
}

/// An integer field.
pub(crate) fn integer(number: u32, value: u64) -> Vec<u8> {
    let mut bytes = varint(u64::from(number) << 3);
    bytes.extend(varint(value));
    bytes
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// `ValueInfoProto`; a size of 0 is symbolic.
pub(crate) fn value(name: &str, element_type: u64, shape: &[u64]) -> Vec<u8> {
    let dimension =
        |&size: &u64| field(1, &if size == 0 { field(2, b"N") } else { integer(1, size) });
    let shape: Vec<u8> = shape.iter().flat_map(dimension).collect();
    let tensor = [integer(1, element_type), field(2, &shape)].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
}

/// `TensorProto` of f32 with `raw_data`.
pub(crate) fn tensor(name: &str, shape: &[u64], raw: &[u8]) -> Vec<u8> {
    let sizes: Vec<u8> = shape.iter().flat_map(|&size| integer(1, size)).collect();
    [sizes, integer(2, 1), field(8, name.as_bytes()), field(9, raw)].concat()
}

/// `NodeProto` of the given operator with further fields.
pub(crate) fn node(operator: &str, further: &[u8]) -> Vec<u8> {
    [
        field(1, b"x"),
        field(2, b"y"),
        field(3, b"/a_node"),
        field(4, operator.as_bytes()),
        further.to_vec(),
    ]
    .concat()
}

/// `ModelProto` of opset 20 around `graph`, with further fields.
pub(crate) fn model(graph: &[u8], further: &[u8]) -> Vec<u8> {
    [integer(1, 9), field(8, &integer(2, 20)), field(7, graph), further.to_vec()].concat()
}

/// Inputs and outputs of a model with the engine contract for tiles of 8 px and a joint width of 4.
pub(crate) fn contract() -> Vec<u8> {
    [
        field(11, &value("tiles", 2, &[0, 8, 8, 3])),
        field(11, &value("queries", 1, &[0, 4])),
        field(12, &value("logits", 1, &[0, 0, 2, 2])),
        field(12, &value("presence", 1, &[0, 0])),
    ]
    .concat()
}

/// A model that keeps the contract: one node, one weight.
pub(crate) fn good_model() -> Vec<u8> {
    let weight = tensor("weight", &[2, 3], &[7; 24]);
    model(&[field(1, &node("Identity", &[])), field(5, &weight), contract()].concat(), &[])
}

/// A text tower for a context of 6 tokens and a joint width of 4.
pub(crate) fn good_text() -> Vec<u8> {
    let values = [
        field(11, &value("tokens", 6, &[0, 6])),
        field(11, &value("end", 1, &[0, 6])),
        field(12, &value("embeddings", 1, &[0, 4])),
    ];
    model(&[field(1, &node("Gather", &[])), values.concat()].concat(), &[])
}
