//! XMP namespaces of makers, without the slash at their end: writers have it or leave it out.

/// DJI's. Autel writes the same under the prefix `drone`.
pub(super) const DJI: &str = "http://www.dji.com/drone-dji/1.0";
/// Parrot's.
pub(super) const PARROT: &str = "http://www.parrot.com/drone-parrot/1.0";
/// Pix4D's `Camera`: senseFly, Parrot, MicaSense, Sentera and others write it.
pub(super) const CAMERA: &str = "http://pix4d.com/camera/1.0";
/// XMP's own.
pub(super) const XMP: &str = "http://ns.adobe.com/xap/1.0";
/// FLIR's.
pub(super) const FLIR: &str = "http://ns.flir.com/xmp/1.0";
