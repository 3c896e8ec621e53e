//! ONNX files of one node, written as the protobuf they are.

/// `TensorProto.DataType`.
pub(crate) const FLOAT32: u64 = 1;
pub(crate) const FLOAT16: u64 = 10;

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn field(number: u32, content: &[u8]) -> Vec<u8> {
    [varint(u64::from(number) << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

fn integer(number: u32, value: u64) -> Vec<u8> {
    [varint(u64::from(number) << 3), varint(value)].concat()
}

/// `ValueInfoProto` of `[N, size]`.
fn value(name: &str, data_type: u64, size: u64) -> Vec<u8> {
    let shape = [field(1, &field(2, b"N")), field(1, &integer(1, size))].concat();
    let tensor = [integer(1, data_type), field(2, &shape)].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
}

/// Where the weight of [`model`] is.
pub(crate) enum Weight<'a> {
    /// In the file, `[4, 2]` of ones of the type.
    Ones(u64),
    /// In another file, as float16.
    File(&'a str),
}

/// `x: float16 [N, 4]` → the operator, named `/head/node`, with a weight → `y: float16 [N, 2]`.
pub(crate) fn model(operator: &str, weight: &Weight<'_>) -> Vec<u8> {
    let content = match weight {
        Weight::Ones(FLOAT32) => {
            [integer(2, FLOAT32), field(9, &1f32.to_le_bytes().repeat(8))].concat()
        }
        // 0x3c00 is 1 in half precision.
        Weight::Ones(_) => {
            [integer(2, FLOAT16), field(9, &0x3c00u16.to_le_bytes().repeat(8))].concat()
        }
        Weight::File(path) => {
            let entry = [field(1, b"location"), field(2, path.as_bytes())].concat();
            [integer(2, FLOAT16), field(13, &entry), integer(14, 1)].concat()
        }
    };
    let initializer = [integer(1, 4), integer(1, 2), field(8, b"weight"), content].concat();
    let names =
        [field(1, b"x"), field(1, b"weight"), field(2, b"y"), field(3, b"/head/node")].concat();
    let node = [names, field(4, operator.as_bytes())].concat();
    let values = [field(11, &value("x", FLOAT16, 4)), field(12, &value("y", FLOAT16, 2))].concat();
    let graph = [field(1, &node), field(2, b"graph"), field(5, &initializer), values].concat();
    [integer(1, 9), field(8, &integer(2, 20)), field(7, &graph)].concat()
}
