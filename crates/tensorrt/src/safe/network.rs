//! An ONNX file that the library's parser has taken.

use std::marker::PhantomData;

use super::owned::Owned;
use super::{Builder, BuilderConfig, DataType, Error, ParseFault, Plan, TensorInfo};
use crate::result::{self, parser::RawFault};
use crate::sys::abi::Handle;

/// A strongly typed network: every tensor has the type that the ONNX file gives it, and a file that
/// mixes them is refused.
///
/// Its weights lie in the ONNX bytes and in the parser; both live as long as it does.
#[derive(Debug)]
pub struct Network<'b> {
    // The parser refers to the network and goes first.
    _parser: Owned<'b>,
    object: Owned<'b>,
    builder: &'b Builder<'b>,
    onnx: PhantomData<&'b [u8]>,
}

impl<'b> Network<'b> {
    /// Parses the bytes of an ONNX file. By NVIDIA's tables that is opset 9 to 20 everywhere, and
    /// up to 25 since TensorRT 11.
    ///
    /// NVIDIA's parser follows the names of external weight files in the bytes, so check a file of
    /// unknown origin first. A crash in it is a crash of the process.
    pub fn parse(builder: &'b Builder<'b>, onnx: &'b [u8]) -> Result<Self, Error> {
        let library = builder.library();
        let create = library.parser()?;
        // SAFETY: the builder is alive and stays on this thread.
        let network = library
            .call(|| unsafe { result::builder::create_network(builder.object().handle()) })?;
        let object = Owned::object(network);
        let (logger, version, _) = library.creation();
        // SAFETY: the network is empty and alive, the logger leaked, the function that of the
        // parser with the library's version.
        let parser =
            library.call(|| unsafe { result::parser::create(create, network, logger, version) })?;
        let parser = Owned::parser(parser);
        let mark = library.log().mark();
        // SAFETY: the parser is alive, and the bytes live as long as it does.
        if unsafe { result::parser::parse(parser.handle(), onnx) }.is_err() {
            // SAFETY: the parser is alive.
            let faults = unsafe { result::parser::faults(parser.handle()) };
            return Err(Error::Parse {
                faults: faults.into_iter().map(fault).collect(),
                log: library.log().since(mark),
            });
        }
        Ok(Self { _parser: parser, object, builder, onnx: PhantomData })
    }

    /// Layers, as the parser made them.
    pub fn layers(&self) -> u32 {
        // SAFETY: the network is alive and stays on this thread.
        unsafe { result::network::layers(self.object.handle()) }.unsigned_abs()
    }

    /// What goes in.
    pub fn inputs(&self) -> Result<Vec<TensorInfo>, Error> {
        // SAFETY: the network is alive and stays on this thread.
        self.builder
            .library()
            .call(|| unsafe { infos(result::network::inputs(self.object.handle())?) })
    }

    /// What comes out.
    pub fn outputs(&self) -> Result<Vec<TensorInfo>, Error> {
        // SAFETY: the network is alive and stays on this thread.
        self.builder
            .library()
            .call(|| unsafe { infos(result::network::outputs(self.object.handle())?) })
    }

    /// Builds a plan: for this version of the library and this kind of GPU.
    pub fn build(&self, config: &BuilderConfig<'_>) -> Result<Plan<'b>, Error> {
        if !std::ptr::eq(config.builder(), self.builder) {
            return Err(Error::ForeignConfig);
        }
        let (builder, network) = (self.builder.object().handle(), self.object.handle());
        let library = self.builder.library();
        // SAFETY: all three are alive and of one builder; parser and bytes, which hold the weights,
        // are alive with `self`; what the configuration refers to is alive with it.
        let memory = library.call(|| unsafe {
            result::builder::build(builder, network, config.object().handle())
        })?;
        Plan::new(library, Owned::object(memory))
    }
}

/// # Safety
/// The tensors are those of a living network.
unsafe fn infos(tensors: Vec<Handle>) -> Result<Vec<TensorInfo>, result::CallError> {
    let info = |tensor| {
        // SAFETY: the caller's word.
        let (name, code, dimensions) = unsafe {
            (
                result::network::tensor_name(tensor)?,
                result::network::tensor_type(tensor),
                result::network::tensor_dimensions(tensor),
            )
        };
        // A tensor of unknown rank has no sizes to tell.
        let shape = dimensions.shape().unwrap_or_default().to_vec();
        Ok(TensorInfo { name, data_type: DataType::from_code(code), shape })
    };
    tensors.into_iter().map(info).collect()
}

fn fault(raw: RawFault) -> ParseFault {
    /// `nvonnxparser::ErrorCode`, by number.
    const KINDS: [&str; 15] = [
        "success",
        "internal error",
        "no memory",
        "broken model",
        "invalid value",
        "invalid graph",
        "invalid node",
        "unsupported graph",
        "unsupported node",
        "unsupported attribute",
        "unsupported input",
        "unsupported type",
        "unsupported dynamic shape",
        "unsupported shape",
        "refit failed",
    ];
    let kind = usize::try_from(raw.code)
        .ok()
        .and_then(|code| KINDS.get(code).copied())
        .unwrap_or("unknown kind");
    let named = |text: Option<String>| text.filter(|text| !text.is_empty());
    let number = (raw.node >= 0).then(|| format!("number {}", raw.node));
    ParseFault {
        kind,
        node: named(raw.node_name).or(number),
        operator: named(raw.operator),
        description: named(raw.description).unwrap_or_else(|| "no description".to_owned()),
    }
}
