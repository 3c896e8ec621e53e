//! Which virtual method stands in which slot, per version family.
//!
//! Within a family NVIDIA only appends, so one column serves every minor version of it.
//! `slots/slots.golden` holds the same numbers as printed from NVIDIA's headers; the test below
//! compares every row.

use crate::{Family, Version};

/// A version family: one column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// TensorRT 10.0 and later.
    TensorRt10,
    /// TensorRT 11.0 and later, and TensorRT-RTX 1.5 and later.
    TensorRt11,
    /// TensorRT-RTX 1.3 and 1.4: mostly 10, a configuration like 11, an engine of its own.
    Rtx14,
}

impl Layout {
    /// The column of a library; nothing for a version whose headers nobody compared with the table.
    /// TensorRT-RTX has changed slots in a minor version (1.5), so there the minor version has to
    /// be known too.
    pub(crate) fn of(family: Family, version: Version) -> Option<Self> {
        match (family, version.major, version.minor) {
            (Family::TensorRt, 10, _) => Some(Self::TensorRt10),
            (Family::TensorRt, 11, _) | (Family::TensorRtRtx, 1, 5..=7) => Some(Self::TensorRt11),
            (Family::TensorRtRtx, 1, 3..=4) => Some(Self::Rtx14),
            _ => None,
        }
    }

    /// Flags of `createNetworkV2` for a strongly typed network: bit 1 (`kSTRONGLY_TYPED`) up to 10,
    /// where its absence is a weakly typed network without a word; nothing in 11, which knows no
    /// other and where bit 1 means something else.
    pub(crate) fn strongly_typed(self) -> u32 {
        match self {
            Self::TensorRt10 | Self::Rtx14 => 1 << 1,
            Self::TensorRt11 => 0,
        }
    }
}

/// The table whose slot a method is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// The object's own: a real interface.
    Object,
    /// That of the implementation behind the object's second word (`nvinfer1::apiv::V…`).
    Implementation,
}

/// A foreign method.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Method {
    /// `Class::method`, as in NVIDIA's headers.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests compare it with the headers"))]
    pub(crate) name: &'static str,
    pub(crate) receiver: Receiver,
    slots: [usize; 3],
}

impl Method {
    pub(crate) const fn slot(self, layout: Layout) -> usize {
        match layout {
            Layout::TensorRt10 => self.slots[0],
            Layout::TensorRt11 => self.slots[1],
            Layout::Rtx14 => self.slots[2],
        }
    }
}

/// A family without the method. Its slot is never asked for.
const NONE: usize = usize::MAX;

macro_rules! slots {
    ($(
        $constant:ident: $receiver:ident $name:literal $v10:tt $v11:tt $rtx14:tt;
    )*) => {
        $(pub(crate) const $constant: Method =
            Method { name: $name, receiver: Receiver::$receiver, slots: [$v10, $v11, $rtx14] };)*
        #[cfg(test)]
        const ALL: &[Method] = &[$($constant),*];
    };
}

slots! {
    //                                                                                 10 11 RTX
    //                                                                                 1.3, 1.4
    BUILDER_CREATE_CONFIG: Implementation "VBuilder::createBuilderConfig"                7   5   7;
    BUILDER_CREATE_NETWORK: Implementation "VBuilder::createNetworkV2"                   8   6   8;
    BUILDER_CREATE_PROFILE: Implementation "VBuilder::createOptimizationProfile"         9   7   9;
    BUILDER_BUILD: Implementation "VBuilder::buildSerializedNetwork"                    14  11  14;
    CONFIG_SET_FLAG: Implementation "VBuilderConfig::setFlag"                           11   9   9;
    CONFIG_CLEAR_FLAG: Implementation "VBuilderConfig::clearFlag"                       10   8   8;
    CONFIG_ADD_PROFILE: Implementation "VBuilderConfig::addOptimizationProfile"         25  23  23;
    CONFIG_CREATE_TIMING_CACHE: Implementation "VBuilderConfig::createTimingCache"      40  29  29;
    CONFIG_SET_TIMING_CACHE: Implementation "VBuilderConfig::setTimingCache"            41  30  30;
    CONFIG_SET_MEMORY_LIMIT: Implementation "VBuilderConfig::setMemoryPoolLimit"        43  32  32;
    CONFIG_SET_LEVEL: Implementation "VBuilderConfig::setBuilderOptimizationLevel"      47  36  36;
    CONFIG_SET_VERBOSITY: Implementation "VBuilderConfig::setProfilingVerbosity"        27  25  25;
    CONFIG_SET_PROGRESS: Implementation "VBuilderConfig::setProgressMonitor"            56  45  45;
    NETWORK_LAYERS: Implementation "VNetworkDefinition::getNbLayers"                    12  12  12;
    NETWORK_INPUTS: Implementation "VNetworkDefinition::getNbInputs"                    14  14  14;
    NETWORK_INPUT: Implementation "VNetworkDefinition::getInput"                        15  15  15;
    NETWORK_OUTPUTS: Implementation "VNetworkDefinition::getNbOutputs"                  16  16  16;
    NETWORK_OUTPUT: Implementation "VNetworkDefinition::getOutput"                      17  17  17;
    TENSOR_NAME: Implementation "VTensor::getName"                                       3   3   3;
    TENSOR_DIMENSIONS: Implementation "VTensor::getDimensions"                           5   5   5;
    TENSOR_TYPE: Implementation "VTensor::getType"                                       7   6   7;
    PROFILE_SET_DIMENSIONS: Implementation "VOptimizationProfile::setDimensions"         2   2   2;
    MEMORY_DATA: Implementation "VHostMemory::data"                                      2   2   2;
    MEMORY_SIZE: Implementation "VHostMemory::size"                                      3   3   3;
    TIMING_CACHE_SERIALIZE: Implementation "VTimingCache::serialize"                     2   2   2;
    RUNTIME_DESERIALIZE: Implementation "VRuntime::deserializeCudaEngine"                3   3   3;
    ENGINE_CREATE_CONTEXT: Implementation "VCudaEngine::createExecutionContext"          5   5   5;
    // The first form is for 10.0, which lacks the second.
    ENGINE_MEMORY: Implementation "VCudaEngine::getDeviceMemorySize"                7 NONE NONE;
    ENGINE_MEMORY_V2: Implementation "VCudaEngine::getDeviceMemorySizeV2"          52  44  50;
    ENGINE_PROFILES: Implementation "VCudaEngine::getNbOptimizationProfiles"            10   8   8;
    ENGINE_TENSOR_SHAPE: Implementation "VCudaEngine::getTensorShape"                   19  15  17;
    ENGINE_TENSOR_TYPE: Implementation "VCudaEngine::getTensorDataType"                 20  16  18;
    ENGINE_TENSOR_MODE: Implementation "VCudaEngine::getTensorIOMode"                   23  19  21;
    ENGINE_PROFILE_SHAPE: Implementation "VCudaEngine::getProfileShape"                 29  25  27;
    ENGINE_TENSORS: Implementation "VCudaEngine::getNbIOTensors"                        30  26  28;
    ENGINE_TENSOR_NAME: Implementation "VCudaEngine::getIOTensorName"                   31  27  29;
    CONTEXT_SET_MEMORY: Implementation "VExecutionContext::setDeviceMemory"             10  10  10;
    CONTEXT_SET_MEMORY_V2: Implementation "VExecutionContext::setDeviceMemoryV2"        49  48  49;
    CONTEXT_SET_PROFILE: Implementation "VExecutionContext::setOptimizationProfileAsync" 17 16 17;
    CONTEXT_SET_INPUT_SHAPE: Implementation "VExecutionContext::setInputShape"          21  20  21;
    CONTEXT_TENSOR_SHAPE: Implementation "VExecutionContext::getTensorShape"            22  21  22;
    CONTEXT_SET_ADDRESS: Implementation "VExecutionContext::setTensorAddress"           24  23  24;
    CONTEXT_INFER_SHAPES: Implementation "VExecutionContext::inferShapes"               28  27  28;
    CONTEXT_ENQUEUE: Implementation "VExecutionContext::enqueueV3"                      37  36  37;
    PARSER_PARSE: Object "IParser::parse"                                                0   0   0;
    PARSER_ERRORS: Object "IParser::getNbErrors"                                         5   3   5;
    PARSER_ERROR: Object "IParser::getError"                                             6   4   6;
    PARSER_ERROR_CODE: Object "IParserError::code"                                       0   0   0;
    PARSER_ERROR_TEXT: Object "IParserError::desc"                                       1   1   1;
    PARSER_ERROR_NODE: Object "IParserError::node"                                       5   5   5;
    PARSER_ERROR_NODE_NAME: Object "IParserError::nodeName"                              6   6   6;
    PARSER_ERROR_OPERATOR: Object "IParserError::nodeOperator"                           7   7   7;
}

/// The deleting destructor, which pointers to members cannot name. It stands behind the complete
/// destructor: first in every object (`INoCopy`), behind `clearErrors` in the parser.
pub(crate) const OBJECT_DELETE: Method =
    Method { name: "delete", receiver: Receiver::Object, slots: [1, 1, 1] };
pub(crate) const PARSER_DELETE: Method =
    Method { name: "IParser::delete", receiver: Receiver::Object, slots: [9, 7, 9] };

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Rows of the golden file: name → slots of the three columns.
    fn golden() -> BTreeMap<&'static str, [usize; 3]> {
        let rows =
            include_str!("../../slots/slots.golden").lines().filter(|line| !line.starts_with('#'));
        let row = |line: &'static str| {
            let words: Vec<&str> = line.split(' ').collect();
            let [name, slots @ ..] = &words[..] else { panic!("an empty row") };
            let slot = |word: &&str| if *word == "-" { NONE } else { word.parse().unwrap() };
            let slots: Vec<usize> = slots.iter().map(slot).collect();
            (*name, slots.try_into().unwrap())
        };
        rows.map(row).collect()
    }

    #[test]
    fn every_row_is_what_the_headers_say() {
        let golden = golden();
        for method in ALL {
            assert_eq!(golden.get(method.name), Some(&method.slots), "{}", method.name);
            let is_implementation = method.name.starts_with('V');
            assert_eq!(
                method.receiver == Receiver::Implementation,
                is_implementation,
                "{}",
                method.name
            );
        }
    }

    #[test]
    fn every_row_of_the_headers_is_used() {
        let implemented = ["ILogger::", "IProgressMonitor::"];
        let rows = golden()
            .into_keys()
            .filter(|name| !implemented.iter().any(|class| name.starts_with(class)));
        let used: Vec<_> = ALL.iter().map(|method| method.name).collect();
        let unused: Vec<_> = rows.filter(|name| !used.contains(name)).collect();
        assert_eq!(unused, [""; 0]);
    }

    #[test]
    fn versions_without_a_column_are_unknown() {
        let layout = |family, number| Layout::of(family, Version::from_library_number(number));
        assert_eq!(layout(Family::TensorRt, 8_601), None);
        assert_eq!(layout(Family::TensorRt, 100_300), Some(Layout::TensorRt10));
        assert_eq!(layout(Family::TensorRt, 110_400), Some(Layout::TensorRt11));
        assert_eq!(layout(Family::TensorRt, 120_000), None);
        assert_eq!(layout(Family::TensorRtRtx, 10_200), None);
        assert_eq!(layout(Family::TensorRtRtx, 10_400), Some(Layout::Rtx14));
        assert_eq!(layout(Family::TensorRtRtx, 10_701), Some(Layout::TensorRt11));
        assert_eq!(layout(Family::TensorRtRtx, 10_800), None);
    }
}
