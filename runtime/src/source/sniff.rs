//! What a file is, by its first bytes.

use std::path::Path;

use image::ImageFormat;

use super::SourceError;

/// First bytes of a TIFF file with 64-bit offsets, which `image` decodes but does not guess.
const BIG_TIFF: [&[u8]; 2] = [b"II+\0", b"MM\0+"];

/// First bytes of a JPEG file.
const JPEG: &[u8] = &[0xff, 0xd8];

/// How far into a file that is called JPEG its image may begin.
const MAX_JPEG_START: usize = 1 << 16;

/// Formats that are told apart, but not read: first bytes, name, and what makes an image of it.
const OTHERS: [(&[u8], &str, &str); 14] = [
    (b"GIF8", "GIF", "magick image.gif image.png"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000", "gdal_translate image.jp2 image.tif"),
    (b"\xff\x4f\xff\x51", "JPEG 2000", "gdal_translate image.j2k image.tif"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL", "djxl image.jxl image.png"),
    (b"\xff\x0a", "JPEG XL", "djxl image.jxl image.png"),
    (b"\x1a\x45\xdf\xa3", "Matroska video", "ffmpeg -i video.mkv -vf fps=1 %06d.png"),
    (b"FUJIFILMCCD-RAW", "raw RAF", "dcraw -T image.raf"),
    (b"8BPS", "Photoshop", "magick image.psd[0] image.tif"),
    (b"%PDF", "PDF", "gdal_translate map.pdf map.tif"),
    (b"NITF", "NITF", "gdal_translate image.ntf image.tif"),
    (b"\x89HDF", "HDF5", "gdal_translate image.h5 image.tif"),
    (b"CDF\x01", "NetCDF", "gdal_translate image.nc image.tif"),
    (b"PK\x03\x04", "ZIP archive", "unzip archive.zip"),
    (b"\0\x05\x16\x07", "AppleDouble, notes of a Mac about a file", "dot_clean ."),
];

/// The same for the brands of ISO 14496-12; whatever else is a video.
const BRANDS: [(&[u8], &str, &str); 9] = [
    (b"heic", "HEIC", "heif-convert image.heic image.jpg"),
    (b"heix", "HEIC", "heif-convert image.heic image.jpg"),
    (b"heim", "HEIC", "heif-convert image.heic image.jpg"),
    (b"heis", "HEIC", "heif-convert image.heic image.jpg"),
    (b"hevc", "HEIC", "heif-convert image.heic image.jpg"),
    (b"mif1", "HEIC", "heif-convert image.heic image.jpg"),
    (b"msf1", "HEIC", "heif-convert image.heic image.jpg"),
    (b"avif", "AVIF", "avifdec image.avif image.png"),
    (b"avis", "AVIF", "avifdec image.avif image.png"),
];

/// The format of the content, which must agree with the name where the name says one, and where in
/// the file it begins.
pub(super) fn sniff(bytes: &[u8], path: &Path) -> Result<(ImageFormat, usize), SourceError> {
    if bytes.is_empty() {
        return Err(SourceError::Empty(path.to_owned()));
    }
    let named = ImageFormat::from_path(path).ok();
    let Some((found, start)) = read_format(bytes, named) else {
        return Err(refusal(bytes, path));
    };
    match named {
        Some(named) if named != found => Err(SourceError::Mislabelled {
            path: path.to_owned(),
            expected: format_name(named),
            found: format_name(found),
        }),
        _ => Ok((found, start)),
    }
}

/// A format that is read here, and where it begins.
fn read_format(bytes: &[u8], named: Option<ImageFormat>) -> Option<(ImageFormat, usize)> {
    if bytes.starts_with(JPEG) {
        return Some((ImageFormat::Jpeg, 0));
    }
    if BIG_TIFF.iter().any(|start| bytes.starts_with(start)) {
        return Some((ImageFormat::Tiff, 0));
    }
    let guessed = image::guess_format(bytes).ok().filter(ImageFormat::reading_enabled);
    if let Some(guessed) = guessed {
        return Some((guessed, 0));
    }
    if named != Some(ImageFormat::Jpeg) || other_format(bytes).is_some() {
        return None;
    }
    let start = rszs_jpeg::find_start(&bytes[..bytes.len().min(MAX_JPEG_START)])?;
    Some((ImageFormat::Jpeg, start))
}

fn refusal(bytes: &[u8], path: &Path) -> SourceError {
    match other_format(bytes) {
        Some((found, convert)) => {
            SourceError::OtherFormat { path: path.to_owned(), found, convert }
        }
        None => SourceError::NotAnImage { path: path.to_owned(), found: first_bytes(bytes) },
    }
}

/// Name of a format that is not read, and a command that converts it.
fn other_format(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let known = OTHERS.iter().find(|(start, ..)| bytes.starts_with(start));
    if let Some(&(_, name, convert)) = known {
        return Some((name, convert));
    }
    // The first box: its length, its name, and the brand of what follows.
    let brand = bytes.get(4..)?.strip_prefix(b"ftyp")?;
    let known = BRANDS.iter().find(|(start, ..)| brand.starts_with(start));
    known.map_or(
        Some(("MP4 or QuickTime video", "ffmpeg -i video.mp4 -vf fps=1 %06d.png")),
        |&(_, name, convert)| Some((name, convert)),
    )
}

pub(super) fn format_name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Png => "PNG",
        ImageFormat::Tiff => "TIFF",
        ImageFormat::WebP => "WebP",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Gif => "GIF",
        _ => "another format's",
    }
}

fn first_bytes(bytes: &[u8]) -> String {
    format!("a file that starts with {}", bytes[..bytes.len().min(8)].escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(name: &str, bytes: &[u8]) -> String {
        sniff(bytes, Path::new(name)).unwrap_err().to_string()
    }

    #[test]
    fn formats_that_are_not_read_are_named_with_what_converts_them() {
        for (bytes, name, convert) in [
            (&b"\0\0\0\x18ftypheic\0\0\0\0"[..], "HEIC", "heif-convert"),
            (b"\0\0\0\x1cftypavif\0\0\0\0", "AVIF", "avifdec"),
            (b"\0\0\0\x20ftypisom\0\0\0\0", "MP4", "ffmpeg"),
            (b"\0\0\0\x0cjP  \r\n\x87\n\0\0", "JPEG 2000", "gdal_translate"),
            (b"GIF89a", "GIF", "magick"),
        ] {
            let message = message("a", bytes);
            assert!(message.contains(name) && message.contains(convert), "{message}");
        }
    }

    #[test]
    fn an_image_may_begin_late_in_a_file_that_is_called_jpeg() {
        let late = b"header of a recorder\xff\xd8\xff\xe0";
        assert_eq!(sniff(late, Path::new("a.jpg")).unwrap(), (ImageFormat::Jpeg, 20));
        assert!(message("a.dat", late).contains("starts with header"));
    }
}
