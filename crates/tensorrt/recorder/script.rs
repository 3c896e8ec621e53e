//! Which method a slot is, how its arguments are written down, and what it answers.

use crate::control::state;

/// How arguments are written down, in order.
#[derive(Clone, Copy)]
pub(crate) enum Argument {
    /// A string.
    Text,
    /// A 32-bit integer.
    Integer,
    /// A 64-bit integer or address.
    Word,
    /// A pointer to a shape.
    Shape,
    /// A pointer and a length, of which the length is written.
    Bytes,
}

/// What a method returns.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// An integer or a byte.
    Number(usize),
    /// A new object of the class.
    Object(&'static str),
    /// A string or other bytes.
    Data(&'static [u8]),
    /// A shape, by value.
    Shape,
}

/// The method in a slot of a class, by the headers of the version.
pub(crate) fn method(class: &str, slot: usize) -> Option<&'static str> {
    let column = match state().version_number {
        110_000.. | 10_500..100_000 => 2,
        100_000..110_000 => 1,
        _ => 3,
    };
    let mut rows =
        include_str!("../slots/slots.golden").lines().filter(|line| !line.starts_with('#'));
    // The column of TensorRT 10 is that of 10.1 and later.
    let is_first = (100_000..100_100).contains(&state().version_number);
    rows.find_map(|row| {
        let words: Vec<&str> = row.split(' ').collect();
        if is_first
            && matches!(
                words[0],
                "VCudaEngine::getDeviceMemorySizeV2" | "VExecutionContext::setDeviceMemoryV2"
            )
        {
            return None;
        }
        let is_of_class = words[0].split_once("::").is_some_and(|(of, _)| of == class);
        (is_of_class && words[column].parse() == Ok(slot)).then_some(words[0])
    })
}

/// Slot of a method of an interface that the caller implements.
pub(crate) fn slot(name: &str) -> usize {
    let class = name.split_once("::").expect("a class").0;
    (0..16).find(|&slot| method(class, slot) == Some(name)).expect("a row in slots.golden")
}

pub(crate) fn arguments(method: &str) -> &'static [Argument] {
    use Argument::{Bytes, Integer, Shape, Text, Word};
    match method {
        "VBuilder::createNetworkV2"
        | "VBuilderConfig::setFlag"
        | "VBuilderConfig::clearFlag"
        | "VBuilderConfig::setBuilderOptimizationLevel"
        | "VBuilderConfig::setProfilingVerbosity"
        | "VNetworkDefinition::getInput"
        | "VNetworkDefinition::getOutput"
        | "VCudaEngine::createExecutionContext"
        | "VCudaEngine::getIOTensorName"
        | "VExecutionContext::inferShapes"
        | "IParser::getError" => &[Integer],
        "VBuilderConfig::setMemoryPoolLimit" | "VExecutionContext::setOptimizationProfileAsync" => {
            &[Integer, Word]
        }
        "VOptimizationProfile::setDimensions" => &[Text, Integer, Shape],
        "VCudaEngine::getTensorShape"
        | "VCudaEngine::getTensorDataType"
        | "VCudaEngine::getTensorIOMode"
        | "VExecutionContext::getTensorShape" => &[Text],
        "VCudaEngine::getProfileShape" => &[Text, Integer, Integer],
        "VExecutionContext::setDeviceMemoryV2" => &[Word, Word],
        "VExecutionContext::setInputShape" => &[Text, Shape],
        "VExecutionContext::setTensorAddress" => &[Text, Word],
        "VExecutionContext::enqueueV3" | "VExecutionContext::setDeviceMemory" => &[Word],
        "IParser::parse"
        | "VRuntime::deserializeCudaEngine"
        | "VBuilderConfig::createTimingCache" => &[Bytes],
        _ => &[],
    }
}

pub(crate) fn answer(method: &str) -> Answer {
    match method {
        "VBuilder::createBuilderConfig" => Answer::Object("VBuilderConfig"),
        "VBuilder::createNetworkV2" => Answer::Object("VNetworkDefinition"),
        "VBuilder::createOptimizationProfile" => Answer::Object("VOptimizationProfile"),
        "VBuilder::buildSerializedNetwork" | "VTimingCache::serialize" => {
            Answer::Object("VHostMemory")
        }
        "VBuilderConfig::createTimingCache" => Answer::Object("VTimingCache"),
        "VNetworkDefinition::getInput" | "VNetworkDefinition::getOutput" => {
            Answer::Object("VTensor")
        }
        "VRuntime::deserializeCudaEngine" => Answer::Object("VCudaEngine"),
        "VCudaEngine::createExecutionContext" => Answer::Object("VExecutionContext"),
        "IParser::getError" => Answer::Object("IParserError"),
        "VTensor::getName" | "VCudaEngine::getIOTensorName" => Answer::Data(b"tiles\0"),
        "IParserError::desc" => Answer::Data(b"no such operator\0"),
        "IParserError::nodeName" => Answer::Data(b"/head/conv\0"),
        "IParserError::nodeOperator" => Answer::Data(b"Conv\0"),
        "VHostMemory::data" => Answer::Data(b"plan"),
        "VHostMemory::size" => Answer::Number(4),
        "VTensor::getDimensions"
        | "VCudaEngine::getTensorShape"
        | "VCudaEngine::getProfileShape"
        | "VExecutionContext::getTensorShape" => Answer::Shape,
        "VBuilderConfig::addOptimizationProfile" | "VExecutionContext::inferShapes" => {
            Answer::Number(0)
        }
        "IParserError::code" => Answer::Number(8),
        "VCudaEngine::getDeviceMemorySize" | "VCudaEngine::getDeviceMemorySizeV2" => {
            Answer::Number(0x30_0000)
        }
        _ => Answer::Number(1),
    }
}
