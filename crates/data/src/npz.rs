//! Archives of arrays in NumPy's `.npz` format: a zip, stored or deflated, of one `.npy` file an
//! array.
//!
//! The two teacher backbones in `weights` are such archives, half precision, with Gluon's names. A
//! convolution is `[out, in / groups, H, W]`, without bias; a batch norm is `_gamma`, `_beta`,
//! `_running_mean` and `_running_var`, each `[C]`, with epsilon 1e-5. Both backbones take red,
//! green, blue in `[0, 1]`, normalised by the ImageNet mean and deviation.
//!
//! `resnet50v2_s1_s3_f16.npz`, prefix `resnetv24_`, a ResNet-50 of the second kind (norm and
//! rectifier before each convolution):
//! * `batchnorm0` on the 3 input channels, `conv0_weight` 7x7 of stride 2, `batchnorm1`, rectifier,
//!   3x3 max pool of stride 2;
//! * `stage1` (3 blocks, 256 channels, stride 1), `stage2` (4 blocks, 512, stride 2), `stage3` (6
//!   blocks, 1024, stride 2). Within a stage, norms and convolutions are numbered in order of use:
//!   a block is norm, 1x1, norm, 3x3, norm, 1x1, with the stage's stride on the 3x3 of its first
//!   block. That first block has one more convolution, number 3: the 1x1 shortcut, of the same
//!   stride, taken after the block's first norm and rectifier. So the first block uses norms 0-2
//!   and convolutions 0-3, the second norms 3-5 and convolutions 4-6, …;
//! * `stage4_batchnorm0` is the norm that follows stage 3. The rest of stage 4, `batchnorm2` and
//!   `dense0_bias` are incomplete leftovers of the classifier.
//!
//! `mobilenetv2_features_f16.npz`, prefix `mobilenetv20_features_`:
//! * `conv0_weight` 3x3 of stride 2, `batchnorm0`, rectifier cut off at 6;
//! * `linearbottleneck0` to `linearbottleneck16`, each `conv0` 1x1, `conv1` 3x3 of one channel a
//!   group, `conv2` 1x1, with `batchnorm0` to `batchnorm2` after them and the rectifier after the
//!   first two;
//! * `conv1_weight` `[1280, 320, 1, 1]`, `batchnorm1`, rectifier.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::error::DataError;
use crate::npy::{self, Array};

/// Largest unpacked archive. The largest known one has 17 MB.
const UNPACKED_BYTES: u64 = 4 << 30;

/// Reads every array of the archive, by its name without `.npy`.
pub fn read(path: &Path) -> Result<BTreeMap<String, Array>, DataError> {
    let file = File::open(path).map_err(DataError::io(path, "an .npz archive"))?;
    let mut archive = zip::ZipArchive::new(BufReader::new(file))
        .map_err(|error| DataError::malformed(path, "an .npz archive (a zip)", error))?;
    let mut arrays = BTreeMap::new();
    let mut left = UNPACKED_BYTES;
    for index in 0..archive.len() {
        let mut member = archive
            .by_index(index)
            .map_err(|error| DataError::malformed(path, "readable members", error))?;
        let name = member
            .name()
            .map_err(|error| DataError::malformed(path, "member names in UTF-8", error))?
            .into_owned();
        let Some(key) = name.strip_suffix(".npy") else {
            return Err(DataError::malformed(path, "members that end in .npy", name));
        };
        // A header may lie about the unpacked size; the reader stops at what is left of the
        // allowance.
        let mut bytes = Vec::new();
        let size = member.by_ref().take(left).read_to_end(&mut bytes).map_err(|error| {
            DataError::malformed(path, format!("an intact member {name}"), error)
        })?;
        left -= size as u64;
        if left == 0 {
            return Err(DataError::malformed(
                path,
                format!("at most {UNPACKED_BYTES} bytes unpacked"),
                "more",
            ));
        }
        arrays.insert(key.to_owned(), npy::parse(&bytes, &path.join(&name))?);
    }
    Ok(arrays)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn stored_and_deflated_members_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.npz");
        let arrays = BTreeMap::from([
            ("a_weight".to_owned(), Array { shape: vec![2, 2], values: vec![1.0, 2.0, 3.0, 4.0] }),
            ("b_bias".to_owned(), Array { shape: vec![1], values: vec![-0.5] }),
        ]);
        for deflated in [false, true] {
            fixtures::npz(&path, &arrays, deflated).unwrap();
            assert_eq!(read(&path).unwrap(), arrays);
        }
    }

    #[test]
    fn a_flipped_byte_is_found_and_the_member_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.npz");
        let arrays =
            BTreeMap::from([("a".to_owned(), Array { shape: vec![64], values: vec![1.0; 64] })]);
        fixtures::npz(&path, &arrays, false).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[200] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let message = read(&path).unwrap_err().to_string();
        assert!(message.contains("an intact member a.npy"), "{message}");
    }

    #[test]
    fn something_else_than_an_archive_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.npz");
        std::fs::write(&path, "not a zip").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("expected an .npz archive"));
    }
}
