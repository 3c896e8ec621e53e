//! The commands that make a set of what annotation programs write.

use std::path::PathBuf;

use clap::Subcommand;

use super::annotated::{self, Written};
use super::geojson::Class;
use super::{coco, geojson, labelme};
use crate::TrainError;
use crate::run::report;

/// Sets from annotations: images/, masks/ and classes.txt, to be read by the folder's name. Which
/// images validate is for val.txt to say.
#[derive(Debug, Subcommand)]
pub enum Annotations {
    /// Make a set of COCO's instances: polygons and runs, one JSON file.
    ///
    /// Indices are in the order of the categories' ids, from 1 on; 0 is what nothing marks. Small
    /// regions lie over large ones.
    Coco {
        /// The JSON file.
        annotations: PathBuf,
        /// Folder that its file names are in.
        #[arg(long, value_name = "FOLDER")]
        images: PathBuf,
        /// Folder of the set.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
    /// Make a set of LabelMe's files: polygons and rectangles, a JSON file an image.
    ///
    /// Indices are in the order of the alphabet, from 1 on; 0 is what nothing marks. Small regions
    /// lie over large ones.
    Labelme {
        /// Folder of the JSON files.
        annotations: PathBuf,
        /// Folder of the set.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
    /// Make a set of polygons of a map over a GeoTIFF whose north is up.
    ///
    /// Coordinates are those of the image; ogr2ogr -t_srs writes a file in another coordinate
    /// system. For several images give the command once for each, and put the masks together; for a
    /// large image follow with `prepare tiles`.
    Geojson {
        /// The GeoJSON file.
        polygons: PathBuf,
        /// The GeoTIFF.
        #[arg(long, value_name = "FILE")]
        image: PathBuf,
        /// The class of all polygons.
        #[arg(
            long,
            value_name = "NAME",
            required_unless_present = "property",
            conflicts_with = "property"
        )]
        class: Option<String>,
        /// The property whose value is a polygon's class.
        #[arg(long, value_name = "KEY")]
        property: Option<String>,
        /// Folder of the set.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
}

impl Annotations {
    /// Makes it, with a report on stdout.
    pub(super) fn run(&self) -> Result<(), TrainError> {
        let Written { images, classes } = self.write()?;
        let (Self::Coco { out, .. } | Self::Labelme { out, .. } | Self::Geojson { out, .. }) = self;
        report(&format!("{}: {images} images of {}", out.display(), classes.join(", ")))
    }

    fn write(&self) -> Result<Written, TrainError> {
        let (out, (annotated, classes)) = match self {
            Self::Coco { annotations, images, out } => (out, coco::read(annotations, images)?),
            Self::Labelme { annotations, out } => (out, labelme::read(annotations)?),
            Self::Geojson { polygons, image, class, property, out } => {
                let property = || Class::Property(property.clone().unwrap_or_default());
                let class = class.clone().map_or_else(property, Class::Named);
                (out, geojson::read(polygons, image, &class)?)
            }
        };
        annotated::write(out, &annotated, classes)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use rszs_data::{IndexMask, RgbImage, catalogue};
    use serde_json::json;
    use tiff::encoder::{TiffEncoder, colortype};
    use tiff::tags::Tag;

    use super::*;

    /// The mask of `name` in the set that a command made.
    fn mask(made: &Annotations, root: &Path, name: &str) -> Vec<u8> {
        made.write().unwrap();
        let set = catalogue::open("made", root).unwrap();
        assert!(set.classes().concepts().iter().any(|concept| concept.name == "roof"));
        IndexMask::read(&root.join("made/masks").join(name)).unwrap().ids
    }

    fn photograph(folder: &Path, name: &str) {
        fs::create_dir_all(folder).unwrap();
        RgbImage::filled(4, 3, [9; 3]).write_jpeg(&folder.join(name), 90).unwrap();
    }

    #[test]
    fn cocos_polygons_and_runs_become_a_set() {
        let folder = tempfile::tempdir().unwrap();
        photograph(folder.path(), "a.jpg");
        let annotations = json!({
            "images": [{"id": 5, "file_name": "a.jpg", "width": 4, "height": 3}],
            "categories": [{"id": 8, "name": "roof"}, {"id": 3, "name": "yard"}],
            "annotations": [
                {
                    "image_id": 5, "category_id": 8,
                    "segmentation": {"size": [3, 4], "counts": [4, 1, 7]},
                },
                {
                    "image_id": 5, "category_id": 3,
                    "segmentation": [[0, 0, 3, 0, 3, 2, 0, 2]],
                },
            ],
        });
        let path = folder.path().join("instances.json");
        fs::write(&path, annotations.to_string()).unwrap();
        let made = Annotations::Coco {
            annotations: path,
            images: folder.path().into(),
            out: folder.path().join("made"),
        };
        assert_eq!(mask(&made, folder.path(), "a.png"), [1, 1, 1, 0, 1, 2, 1, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn labelmes_shapes_become_a_set_and_others_are_refused_by_file() {
        let folder = tempfile::tempdir().unwrap();
        let drawn = folder.path().join("drawn");
        photograph(&drawn, "a.jpg");
        let file = |kind: &str| {
            let shapes = json!([{"label": "roof", "points": [[1, 0], [3, 2]], "shape_type": kind}]);
            let file =
                json!({"imagePath": "a.jpg", "imageWidth": 4, "imageHeight": 3, "shapes": shapes});
            fs::write(drawn.join("a.json"), file.to_string()).unwrap();
        };
        file("rectangle");
        let made =
            Annotations::Labelme { annotations: drawn.clone(), out: folder.path().join("made") };
        assert_eq!(mask(&made, folder.path(), "a.png"), [0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
        file("circle");
        let message = made.write().unwrap_err().to_string();
        assert!(
            message.contains("a.json: expected polygons")
                && message.contains("circle with 2 points for roof"),
            "{message}"
        );
    }

    /// 4 × 3 px of half a metre; the upper left corner is at 100, 50.
    fn geotiff(path: &Path) {
        let mut encoder = TiffEncoder::new(fs::File::create(path).unwrap()).unwrap();
        let mut image = encoder.new_image::<colortype::RGB8>(4, 3).unwrap();
        let tags: [(u16, &[f64]); 2] =
            [(33_550, &[0.5, 0.5, 0.0]), (33_922, &[0.0, 0.0, 0.0, 100.0, 50.0, 0.0])];
        for (tag, values) in tags {
            image.encoder().write_tag(Tag::Unknown(tag), values).unwrap();
        }
        image.write_data(&[9; 36]).unwrap();
    }

    #[test]
    fn polygons_of_a_map_become_a_set_and_those_of_elsewhere_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (image, polygons) = (folder.path().join("a.tif"), folder.path().join("roofs.geojson"));
        geotiff(&image);
        let draw = |x: f64| {
            let ring = json!([[x, 50.0], [x + 1.0, 50.0], [x + 1.0, 49.5], [x, 49.5], [x, 50.0]]);
            let geometry = json!({"type": "Polygon", "coordinates": [ring]});
            let feature =
                json!({"type": "Feature", "properties": {"kind": "roof"}, "geometry": geometry});
            let file = json!({"type": "FeatureCollection", "features": [feature]});
            fs::write(&polygons, file.to_string()).unwrap();
        };
        draw(100.5);
        let (class, property) = (None, Some("kind".to_owned()));
        let out = folder.path().join("made");
        let made = Annotations::Geojson { polygons: polygons.clone(), image, class, property, out };
        assert_eq!(mask(&made, folder.path(), "a.png"), [0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        draw(7.5);
        let message = made.write().unwrap_err().to_string();
        assert!(
            message.contains("roofs.geojson: expected polygons in the coordinates of the image"),
            "{message}"
        );
    }

    #[test]
    fn an_image_of_another_size_is_refused_before_a_mask_is_written() {
        let folder = tempfile::tempdir().unwrap();
        photograph(folder.path(), "a.jpg");
        let annotations = json!({
            "images": [{"id": 5, "file_name": "a.jpg", "width": 8, "height": 3}],
            "categories": [{"id": 1, "name": "roof"}],
            "annotations": [],
        });
        let path = folder.path().join("instances.json");
        fs::write(&path, annotations.to_string()).unwrap();
        let made = Annotations::Coco {
            annotations: path,
            images: folder.path().into(),
            out: folder.path().join("made"),
        };
        let message = made.write().unwrap_err().to_string();
        assert!(
            message.contains("a.jpg: expected 8 × 3 px, as its annotations say, found 4 × 3 px"),
            "{message}"
        );
        assert!(!folder.path().join("made/masks/a.png").exists());
    }
}
