//! The golden set as a safetensors file.

use crate::float_bytes;
use crate::golden::{Golden, GoldenError, GoldenShape, Tolerance};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

impl Golden {
    /// Reads and checks the file form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GoldenError> {
        let file = SafeTensors::deserialize(bytes)?;
        let known = ["tiles", "queries", "logits", "presence", "tolerance"];
        if let Some(name) = file.names().into_iter().filter(|name| !known.contains(name)).min() {
            return Err(GoldenError::UnknownTensor(name.to_owned()));
        }
        let tiles = Part::of(&file, "tiles", Dtype::U8)?;
        let [images, tile_px, _, _] = tiles.shape[..] else {
            return Err(tiles.wrong("[N, H, W, 3]"));
        };
        let presence = Part::of(&file, "presence", Dtype::F32)?;
        let [_, queries_count] = presence.shape[..] else { return Err(presence.wrong("[N, K]")) };
        let queries = if file.names().contains(&"queries") {
            Some(Part::of(&file, "queries", Dtype::F32)?)
        } else {
            None
        };
        let joint_width = match &queries {
            None => 0,
            Some(part) => *part.shape.last().ok_or_else(|| part.wrong("[K, D]"))?,
        };
        let shape = GoldenShape { images, queries: queries_count, tile_px, joint_width };
        let tolerance = Part::of(&file, "tolerance", Dtype::F32)?.expect(&[3])?.numbers();
        let golden = Self {
            shape,
            tiles: tiles.expect(&shape.tiles())?.data.to_vec(),
            queries: queries
                .map(|part| {
                    Ok::<_, GoldenError>(part.expect(&[queries_count, joint_width])?.numbers())
                })
                .transpose()?,
            logits: Part::of(&file, "logits", Dtype::F32)?.expect(&shape.logits())?.numbers(),
            presence: presence.expect(&[images, queries_count])?.numbers(),
            tolerance: Tolerance { fp32: tolerance[0], fp16: tolerance[1], int8: tolerance[2] },
        };
        golden.check()?;
        Ok(golden)
    }

    /// Checks this golden set and writes the file form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, GoldenError> {
        self.check()?;
        let tolerance = [self.tolerance.fp32, self.tolerance.fp16, self.tolerance.int8];
        let GoldenShape { images, queries, joint_width, .. } = self.shape;
        let mut floats: Vec<(&str, Vec<usize>, Vec<u8>)> = vec![
            ("logits", self.shape.logits().to_vec(), float_bytes::little_endian(&self.logits)),
            ("presence", vec![images, queries], float_bytes::little_endian(&self.presence)),
            ("tolerance", vec![3], float_bytes::little_endian(&tolerance)),
        ];
        if let Some(values) = &self.queries {
            floats.push((
                "queries",
                vec![queries, joint_width],
                float_bytes::little_endian(values),
            ));
        }
        let mut views =
            vec![("tiles", TensorView::new(Dtype::U8, self.shape.tiles().to_vec(), &self.tiles)?)];
        for (name, shape, bytes) in &floats {
            views.push((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?));
        }
        Ok(safetensors::serialize(views, None)?)
    }
}

/// One tensor of the file.
struct Part<'a> {
    name: &'static str,
    shape: Vec<usize>,
    data: &'a [u8],
}

impl<'a> Part<'a> {
    fn of(file: &SafeTensors<'a>, name: &'static str, dtype: Dtype) -> Result<Self, GoldenError> {
        let tensor = file.tensor(name)?;
        if tensor.dtype() != dtype {
            let (expected, found) = (dtype.to_string(), tensor.dtype().to_string());
            return Err(GoldenError::Shape { tensor: name, expected, found });
        }
        Ok(Self { name, shape: tensor.shape().to_vec(), data: tensor.data() })
    }

    fn wrong(&self, expected: &str) -> GoldenError {
        GoldenError::Shape {
            tensor: self.name,
            expected: expected.to_owned(),
            found: format!("{:?}", self.shape),
        }
    }

    fn expect(self, shape: &[usize]) -> Result<Self, GoldenError> {
        if self.shape == shape { Ok(self) } else { Err(self.wrong(&format!("{shape:?}"))) }
    }

    fn numbers(&self) -> Vec<f32> {
        float_bytes::numbers(self.data)
    }
}
